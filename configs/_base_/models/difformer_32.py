# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on a small diffusion model of 32 px images, at a size for CPUs: 0.45 M parameters.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        taps=['mid', 'dec.1', 'dec.3'],
        timesteps=[10, 50, 100],
        noise='fresh',  # official
        test_noise='per_image',
        input=dict(mean=[128.0, 128.0, 128.0], std=[128.0, 128.0, 128.0], channel_order='rgb'),
        max_side=4,
    ),
    neck=dict(
        type='mmdiffrep.DifFormer',
        in_channels=[128, 128, 64],
        sides=[4, 4, 4],
        num_timesteps=3,
        embed_dims=128,
        num_heads=4,
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=384,  # 3 timesteps of 128
        topk=(1, 5),
        init_cfg=None,  # torch's initialization, official
    ),
)
