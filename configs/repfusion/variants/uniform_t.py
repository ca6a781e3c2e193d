# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Uniform below a maximum.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
policy = dict(type='mmdiffrep.UniformTimestep', high=50)  # official, Tiny-ImageNet
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[_base_.hint], policy=policy),
]
