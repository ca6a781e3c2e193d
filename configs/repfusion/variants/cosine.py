# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 1 minus the cosine. The official loss of this name lacks the sign.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.PooledFeatureLoss', distance='cosine')
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
