# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# AT: where both networks look.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0)  # official
layers = dict(student='backbone.layer2', teacher='mid')  # both 8 x 8
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**layers, loss=loss)]),
]
