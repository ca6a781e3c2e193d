# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe on a small diffusion model of 32 px images, such as configs/ddpm trains.
num_classes = 10
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        taps=['dec.1'],
        timesteps=[50],
        noise='fresh',  # official
        test_noise='per_image',
        input=dict(mean=[128.0, 128.0, 128.0], std=[128.0, 128.0, 128.0], channel_order='rgb'),
    ),
    # Features of small networks are small: a short run learns little without the normalization.
    neck=[
        dict(type='mmdiffrep.PoolFlatten', in_channels=[128], pool=2),
        dict(type='ClsBatchNormNeck', input_features=512),
    ],
    head=dict(
        type='LinearClsHead',
        num_classes=num_classes,
        in_channels=512,  # 2 x 2 cells of 128
        topk=(1, 5),
        init_cfg=None,  # torch's initialization, official
    ),
)
