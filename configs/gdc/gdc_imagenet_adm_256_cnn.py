# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's CNN head. Its layers are ours: the released code has none.
_base_ = './gdc_imagenet_adm_256_linear.py'
model = dict(
    neck=dict(_delete_=True, type='mmdiffrep.ConvPool', in_channels=[1024], side=16),
    head=dict(in_channels=512),
)
