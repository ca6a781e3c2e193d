# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A policy that is rewarded by what the student gains for its own task.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(type='mmdiffrep.ReinforcedTimestep', num_buckets=50)
reward = dict(type='mmdiffrep.StudentGainReward')
custom_hooks = [
    *_base_.custom_hooks,
    _base_.policy_log,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy, reward=reward),
]
