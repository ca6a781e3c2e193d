# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN as the teacher: hints of FitNet, every pixel.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.DenseFeatureLoss', distance='l2')
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.cnn, pairs=[dict(**_base_.cnn_layers, loss=loss)]),
]
