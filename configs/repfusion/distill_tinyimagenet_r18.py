# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns the features of ADM, a diffusion model of ImageNet at
# 64 px. The student has the stem that stage 2 uses. The official precision is fp16:
#   --amp --cfg-options optim_wrapper.loss_scale=512.0
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
        teacher=_base_.adm_64,
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
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=200),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
