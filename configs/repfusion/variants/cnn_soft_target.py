# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN as the teacher: its class probabilities.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.SoftTargetLoss', temperature=4.0)
layers = dict(student='head.fc', teacher='head.fc')
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.cnn, pairs=[dict(**layers, loss=loss)]),
]
