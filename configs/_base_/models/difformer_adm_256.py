# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on ADM without classes at 256 px; official values throughout.
_base_ = '../teachers/adm_256_uncond.py'
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=_base_.adm_256,
        taps=['mid', 'dec.4', 'dec.10'],  # blocks 19, 24 and 30
        timesteps=[90, 150, 300],
        noise='fresh',
        test_noise='per_image',  # official: fresh
        input=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], channel_order='rgb'),
        max_side=16,  # averaged before they are kept, as the neck would
    ),
    neck=dict(
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
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=3072,  # 3 timesteps of 1024
        topk=(1, 5),
        init_cfg=None,  # torch's initialization
    ),
)
