# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's small U-Net (35.7 M parameters, such as google/ddpm-cifar10-32).
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        taps=['ddae:6'],  # official: out_6, the last res block at a quarter of the side
        timesteps=[10],  # official: t = 11, counted from 1
        noise='fresh',  # official
        test_noise='per_image',  # official: fresh, so that the accuracy depends on the draw
        input=dict(mean=[128.0, 128.0, 128.0], std=[128.0, 128.0, 128.0], channel_order='rgb'),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=256,
        topk=(1, 5),
        init_cfg=None,  # torch's own, official
    ),
)
