# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# BiSeNetV1 with ResNet-50 as in RepFusion's CelebAMask-HQ experiments, from random weights.
num_classes = 19
norm_cfg = dict(type='SyncBN', requires_grad=True)
auxiliary_head = dict(
    type='FCNHead',
    in_channels=512,
    channels=256,
    num_convs=1,
    num_classes=num_classes,
    norm_cfg=norm_cfg,
    concat_input=False,
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(448, 448),
    ),
    backbone=dict(
        type='BiSeNetV1',
        in_channels=3,
        context_channels=(512, 1024, 2048),
        spatial_channels=(256, 256, 256, 512),
        out_indices=(0, 1, 2),
        out_channels=1024,
        backbone_cfg=dict(
            type='ResNet',
            in_channels=3,
            depth=50,
            num_stages=4,
            out_indices=(0, 1, 2, 3),
            dilations=(1, 1, 1, 1),
            strides=(1, 2, 2, 2),
            norm_cfg=norm_cfg,
            norm_eval=False,
            style='pytorch',
            contract_dilation=True,
        ),
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=1024,
        in_index=0,
        channels=1024,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
    auxiliary_head=[
        dict(in_index=1, **auxiliary_head),
        dict(in_index=2, **auxiliary_head),
    ],
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
