# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_tinyimagenet_r18.py with the official code's teacher side and policy, faults included: the
# wrong order of attention weights, the student's tensor as the input of teacher and policy, a stem
# that stage 2 cannot use, and no entropy bonus. One is left out: the teacher does not get the
# label of the image.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/tinyimagenet_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_64.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(type='ResNet', depth=18),
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
        policy=dict(
            type='mmdiffrep.ReinforcedTimestep',
            net=dict(convolutions=3),
            baseline='none',
            entropy=0.0,
        ),
        reward=dict(
            type='mmdiffrep.ClassificationReward',
            num_classes=200,
            hidden_channels=384,  # half of the teacher's 768
        ),
        noise='none',
        holdout=0.0,
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
