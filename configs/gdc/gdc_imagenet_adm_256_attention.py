# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's attention head, as officially: DifFormer with one block at one timestep.
_base_ = './gdc_imagenet_adm_256_linear.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='mmdiffrep.DifFormer',
        in_channels=[1024],
        sides=[16],
        num_timesteps=1,
        embed_dims=1024,
        num_layers=2,
        num_heads=8,
    ),
    head=dict(in_channels=1024),
)
optim_wrapper = dict(optimizer=dict(lr=0.05))
