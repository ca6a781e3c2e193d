# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on Tiny-ImageNet with MobileNetV2 as the student and the official code's teacher side:
# here it has no policy, but a uniform timestep below 50.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/tinyimagenet_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_64.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0),
)
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(_base_.adm_64, use_new_attention_order=False),
        pairs=[
            dict(
                student='backbone',
                teacher='module:middle_block.2.out_layers.3',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2'),
                standardize=False,
            )
        ],
        policy=dict(type='mmdiffrep.UniformTimestep', high=50),
        noise='none',
        holdout=0.0,
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
)
