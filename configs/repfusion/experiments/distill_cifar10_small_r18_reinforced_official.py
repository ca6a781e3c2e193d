# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_small_r18_reinforced.py with the official teacher side and policy.
# Result: 38.48 ± 1.05 % top-1 of 5,000 test images (three seeds) after
# cifar10_small_r18_finetune.py; 39.11 ± 0.70 from random weights.
_base_ = './distill_cifar10_small_r18_fixed.py'
# The reward reads labels: only the labeled share of the images is used.
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.BalancedSubset', fraction=1.0, dataset=_base_.train_set
    )
)
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
            )
        ],
        policy=dict(
            _delete_=True, type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1
        ),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=10),
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=20),
)
