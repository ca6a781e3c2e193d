# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_r18_at.py with a CNN as the teacher; student, loss and schedule stay.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/cifar10_r18_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_r18_cnn_at/epoch_200.pth
# Result: never run at full size.
_base_ = [
    '../../_base_/datasets/cifar10_train.py',
    '../../_base_/schedules/sgd_200e.py',
    '../../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='ResNet_CIFAR', depth=18),
)
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/cifar10_r18_scratch.py',
            checkpoint='work_dirs/cifar10_r18_scratch/epoch_200.pth',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='backbone',
                loss=dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0),
                standardize=False,
            )
        ],
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
)
