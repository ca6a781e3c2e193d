# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RKD: distances and angles between the images of a batch.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(  # official
    type='mmdiffrep.RelationalLoss', distance_weight=25.0, angle_weight=50.0, loss_weight=1.0
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
