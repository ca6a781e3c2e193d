# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Two student layers, each with a teacher tap of its own.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.PooledFeatureLoss')
pairs = [
    dict(student='backbone.layer3', teacher='dec.1', loss=loss),
    dict(student='backbone.layer4', teacher='mid', loss=loss),
]
custom_hooks = [*_base_.custom_hooks, dict(**_base_.repfusion, pairs=pairs)]
