# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFeed on a small diffusion model of 32 px images, such as configs/ddpm trains: tap, timestep and
# head of the attention head in configs/gdc, which it adds feedback to.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.FeedbackDPMBackbone',
        taps=['dec.1'],
        feedback=['dec.0', 'dec.2', 'dec.4'],  # one a resolution: 8, 16 and 32 px
        timestep=50,
        input=dict(mean=[128.0, 128.0, 128.0], std=[128.0, 128.0, 128.0], channel_order='rgb'),
    ),
    neck=dict(
        type='mmdiffrep.DifFormer',
        in_channels=[128],
        sides=[8],
        num_timesteps=1,
        embed_dims=128,
        num_heads=4,
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=128,
        topk=(1, 5),
        init_cfg=None,  # torch's initialization, official
    ),
)
