# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Hint: squared error of the global averages. Official on CIFAR-10 and Tiny-ImageNet.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0)  # official
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
