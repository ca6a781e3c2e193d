# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on ADM without classes at 256 px; official values throughout.
_base_ = './gdc_adm_256.py'
model = dict(
    backbone=dict(
        taps=['mid', 'dec.4', 'dec.10'],  # blocks 19, 24 and 30
        timesteps=[90, 150, 300],
        max_side=16,  # averaged before they are kept, as the neck would
    ),
    neck=dict(
        _delete_=True,
        type='mmdiffrep.DifFormer',
        in_channels=[1024, 1024, 512],
        sides=[8, 16, 16],
        num_timesteps=3,
        embed_dims=1024,
        num_layers=2,
        num_heads=8,
        norm='layer',
        fuse='concat',
    ),
    head=dict(in_channels=3072),  # 3 timesteps of 1024
)
