# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Squared error of features that are divided by their length.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.PooledFeatureLoss', distance='normalized_l2')
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
