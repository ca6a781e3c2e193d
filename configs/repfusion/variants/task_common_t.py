# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Two policies, each with a pass of the teacher: one rewarded by the task, one without labels.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(
    task=dict(type='mmdiffrep.ReinforcedTimestep', num_buckets=50),
    common=dict(
        type='mmdiffrep.ReinforcedTimestep',
        num_buckets=50,
        baseline='moving_average',  # its reward compares images: their mean is no baseline
    ),
)
reward = dict(
    task=dict(type='mmdiffrep.ClassificationReward', num_classes=3),
    common=dict(type='mmdiffrep.InstanceDiscriminationReward'),  # official
)
custom_hooks = [
    *_base_.custom_hooks,
    _base_.policy_log,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy, reward=reward),
]
