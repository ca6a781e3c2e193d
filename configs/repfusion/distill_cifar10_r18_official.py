# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_r18.py with the official code's teacher side and policy.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='ResNet_CIFAR', depth=18),
)
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-cifar10-32',
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2'),
                standardize=False,
            )
        ],
        policy=dict(
            type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1, entropy_until=0.5
        ),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=10),
        noise='none',
        holdout=0.0,
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
