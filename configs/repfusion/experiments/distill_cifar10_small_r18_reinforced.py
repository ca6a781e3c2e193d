# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on the CIFAR-10 subset: a policy chooses the timestep, rewarded by the labels.
# Result: 40.03 ± 0.71 % top-1 of 5,000 test images (three seeds) after
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
        policy=dict(
            _delete_=True,
            type='mmdiffrep.ReinforcedTimestep',
            num_buckets=50,
            baseline='batch_mean',
            standardize_reward=True,
            exploration=0.1,
            warmup=0.4,  # until the reward's decoder tells timesteps apart
            entropy=0.1,
            entropy_until=0.8,
        ),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=10),
        holdout=0.5,  # they alone reward the policy: a short run needs many
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=20),
)
