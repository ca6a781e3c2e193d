# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's attention head on a small diffusion model (../ddpm/ddpm_cifar10_32.py) and the CIFAR-10
# subset, at a size for CPUs.
# Result: not measured.
_base_ = './gdc_cifar10_small_linear.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='mmdiffrep.DifFormer',
        in_channels=[128],
        sides=[8],
        num_timesteps=1,
        embed_dims=128,
        num_heads=4,
    ),
    head=dict(in_channels=128),
)
