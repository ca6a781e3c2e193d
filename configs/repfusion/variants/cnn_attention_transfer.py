# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN as the teacher: AT.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0)  # official
layers = dict(student='backbone.layer3', teacher='backbone.layer3')
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.cnn, pairs=[dict(**layers, loss=loss)]),
]
