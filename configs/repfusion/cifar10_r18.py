# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on CIFAR-10 in one run: ResNet-18 learns its task and, in the same steps, the features
# of a diffusion model. In the paper's two stages: distill_cifar10_r18.py, cifar10_r18_finetune.py.
# Result: never run at full size.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/sgd_200e_cls.py',
    '../_base_/runtime/mmpretrain.py',
]
train_dataloader = dict(batch_size=64)  # official
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
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
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
