# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Uniform below a maximum that falls.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(type='mmdiffrep.AnnealedTimestep', start=1000, end=50, until=0.5)  # official
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy),
]
