# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on Tiny-ImageNet in one run: ResNet-18 learns its task and, in the same steps, the
# features of ADM. The paper's two stages: distill_tinyimagenet_r18.py, then
# tinyimagenet_r18_finetune.py.
# Result: never run at full size.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/tinyimagenet.py',
    '../_base_/schedules/sgd_200e_cls.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_64.py',
]
model = dict(head=dict(num_classes=200))
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
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
