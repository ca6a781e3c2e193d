# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Dense: absolute error of every pixel. Official for faces, ResNet-50.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0)  # official
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
