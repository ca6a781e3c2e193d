# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official stage 1 on Tiny-ImageNet with relational distillation in place of the hint: without a
# policy, at a uniform timestep below 50, and with the stem that stage 2 uses.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/tinyimagenet_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_64.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='ResNet_CIFAR', depth=18),
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
                loss=dict(
                    type='mmdiffrep.RelationalLoss',
                    distance_weight=25.0,
                    angle_weight=50.0,
                    loss_weight=1.0,
                ),
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
