# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official stage 1 on Tiny-ImageNet with attention transfer in place of the hint. The student
# has the stem that stage 2 uses (official for this variant). The official config cannot run (an
# argument that its class does not have, a policy for 32 px and a decoder for CIFAR-10): policy and
# decoder are the hint's. Official: no EMA.
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
train_dataloader = dict(batch_size=32)  # official
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(_base_.adm_64, use_new_attention_order=False),
        pairs=[
            dict(
                student='backbone',
                teacher='module:middle_block.2.out_layers.3',
                loss=dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0),
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
    policy_log=dict(type='mmdiffrep.PolicyLogHook'),
)
