# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_mbv2.py with a CNN as the teacher; student, loss and schedule stay.
# The hint is at the end of the backbone, not in the middle as in FitNets: in stage 1 nothing else
# would teach the layers after it.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/cifar10_mbv2_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_mbv2_cnn_hint/epoch_200.pth
# Result: never run at full size.
_base_ = [
    '../../_base_/datasets/cifar10_train.py',
    '../../_base_/schedules/sgd_200e.py',
    '../../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0),
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
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2'),
                standardize=True,
            )
        ],
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
)
