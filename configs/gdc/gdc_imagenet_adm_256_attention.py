# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's attention head on ImageNet, official values, 28 epochs: DifFormer with one block at one
# timestep.
# Result: never run at full size.
_base_ = [
    '../_base_/models/gdc_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
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
