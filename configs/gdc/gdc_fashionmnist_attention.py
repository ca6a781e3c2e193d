# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's attention head on a small diffusion model (../ddpm/ddpm_fashionmnist_32.py) and
# Fashion-MNIST, at a size for CPUs.
# Result: 78.1 ± 0.5 % top-1 of 2,000 test images with 6,000 labels (three seeds); 300 iterations.
_base_ = './gdc_fashionmnist_linear.py'
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
