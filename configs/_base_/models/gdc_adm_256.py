# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC with its linear head, on ADM without classes at 256 px; official values throughout.
_base_ = '../teachers/adm_256_uncond.py'
num_classes = 1000
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=_base_.adm_256,
        taps=['dec.4'],  # block 24 of 37
        timesteps=[150],  # 90 in a figure of the paper
        noise='fresh',
        test_noise='per_image',  # official: fresh
        input=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], channel_order='rgb'),
    ),
    neck=dict(type='mmdiffrep.PoolFlatten', in_channels=[1024], pool=2),
    head=dict(
        type='LinearClsHead',
        num_classes=num_classes,
        in_channels=4096,  # 1024 * pool**2
        topk=(1, 5),
        init_cfg=None,  # torch's initialization
    ),
)
