# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A student for 64 px images without a head: what a distill-only stage trains.
model = dict(
    type='mmdiffrep.DistillationStudent',
    data_preprocessor=dict(
        type='ImgDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 2),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch',
    ),
)
