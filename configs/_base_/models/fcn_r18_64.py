# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 with a light head over all four stages, for 64 px images.
num_classes = 19
# About 1 / sqrt(share of the pixels) in the order of the classes: at 64 px eyes, brows and lips are
# a few pixels each and a short run would not draw them at all.
class_weight = [0.5, 0.9, 3, 4, 6, 6, 6, 6, 6, 6, 6, 6, 5, 0.8, 2, 6, 6, 1.7, 3]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(64, 64),
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 2),
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=[64, 128, 256, 512],
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=128,
        num_convs=1,
        kernel_size=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='mmdiffrep.WeightedCrossEntropyLoss', class_weight=class_weight),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
