# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's CNN head on ImageNet, 28 epochs. Its layers are ours: the released code has none.
# Result: never run at full size.
_base_ = [
    '../_base_/models/gdc_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    neck=dict(_delete_=True, type='mmdiffrep.ConvPool', in_channels=[1024], side=16),
    head=dict(in_channels=512),
)
