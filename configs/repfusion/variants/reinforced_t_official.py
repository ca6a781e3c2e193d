# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official policy: 1000 actions, no baseline.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1)
custom_hooks = [
    *_base_.custom_hooks,
    _base_.policy_log,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy),
]
