# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on a small diffusion model of 32 px images, at a size for CPUs: 0.45 M parameters.
_base_ = './gdc_32.py'
model = dict(
    backbone=dict(taps=['mid', 'dec.1', 'dec.3'], timesteps=[10, 50, 100], max_side=4),
    neck=dict(
        _delete_=True,
        type='mmdiffrep.DifFormer',
        in_channels=[128, 128, 64],
        sides=[4, 4, 4],
        num_timesteps=3,
        embed_dims=128,
        num_heads=4,
    ),
    head=dict(in_channels=384),  # 3 timesteps of 128
)
