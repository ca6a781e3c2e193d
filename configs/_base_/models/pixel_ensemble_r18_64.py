# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's head on all stages of the ResNet-18 of fcn_r18_64.py, with random weights unless
# backbone.backbone.init_cfg says otherwise.
num_classes = 19
model = dict(
    type='mmdiffrep.PixelEnsembleSegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmdiffrep.HostBackbone',
        backbone=dict(
            type='ResNet',
            depth=18,
            num_stages=4,
            out_indices=(0, 1, 2, 3),
            strides=(1, 2, 2, 2),
            norm_cfg=dict(type='BN', requires_grad=True),
            style='pytorch',
        ),
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(
        type='mmdiffrep.PixelMLPEnsembleHead', num_members=10, num_classes=num_classes
    ),
)
