# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns the features of a diffusion model of CIFAR-10. The
# policy is rewarded by labels.
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
        teacher='google/ddpm-cifar10-32',  # official
        pairs=[
            dict(
                student='backbone',
                teacher='mid',  # official: the convolution before the skip is added
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2'),  # official
                standardize=True,  # official: False
            )
        ],
        policy=dict(
            type='mmdiffrep.ReinforcedTimestep',
            num_buckets=100,  # official: None, 1000 actions
            baseline='batch_mean',  # official: 'none'
            standardize_reward=True,  # official: False
            exploration=0.1,  # official: 0
            warmup=0.1,  # official: 0
            entropy=0.1,  # official
            entropy_until=0.5,  # official
        ),
        noise='none',  # official: the clean image
        holdout=0.1,  # official: 0
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=10),  # official
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
