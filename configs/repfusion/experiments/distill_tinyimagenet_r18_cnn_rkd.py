# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_tinyimagenet_r18_rkd.py with a CNN as the teacher; student, loss and schedule stay.
# First: python tools/train.py configs/repfusion/tinyimagenet_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/tinyimagenet_r18_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_tinyimagenet_r18_cnn_rkd/epoch_200.pth
# Result: never run at full size.
_base_ = [
    '../../_base_/datasets/tinyimagenet_train.py',
    '../../_base_/schedules/sgd_200e.py',
    '../../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='ResNet_CIFAR', depth=18),
)
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/tinyimagenet_r18_scratch.py',
            checkpoint='work_dirs/tinyimagenet_r18_scratch/epoch_200.pth',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='backbone',
                loss=dict(
                    type='mmdiffrep.RelationalLoss',
                    distance_weight=25.0,
                    angle_weight=50.0,
                    loss_weight=1.0,
                ),
                standardize=False,
            )
        ],
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
)
