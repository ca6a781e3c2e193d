# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A policy that needs no labels: rewarded when the images of a batch can be told apart.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(
    type='mmdiffrep.ReinforcedTimestep',
    num_buckets=50,
    baseline='moving_average',  # the reward compares images: their mean is no baseline
)
reward = dict(type='mmdiffrep.InstanceDiscriminationReward')
custom_hooks = [
    *_base_.custom_hooks,
    _base_.policy_log,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy, reward=reward),
]
