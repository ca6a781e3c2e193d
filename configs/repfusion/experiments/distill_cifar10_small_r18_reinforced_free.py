# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on the CIFAR-10 subset: a policy chooses the timestep, rewarded without labels: images are
# to be told apart.
# Result: not measured.
_base_ = './distill_cifar10_small_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        policy=dict(
            _delete_=True,
            type='mmdiffrep.ReinforcedTimestep',
            num_buckets=50,
            baseline='moving_average',  # the reward compares images: their mean is not a baseline
            standardize_reward=True,
            exploration=0.1,
            warmup=0.0,  # there is no decoder to wait for
            entropy=0.1,
            entropy_until=0.8,
        ),
        reward=dict(type='mmdiffrep.InstanceDiscriminationReward'),
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=20),
)
