# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# BiSeNetV1 with ResNet-50: wider context, spatial and auxiliary paths than with ResNet-18.
_base_ = './bisenetv1_r18.py'
auxiliary_head = dict(
    type='FCNHead',
    in_channels=512,
    channels=256,
    num_convs=1,
    num_classes={{_base_.num_classes}},
    norm_cfg={{_base_.norm_cfg}},
    concat_input=False,
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
)
model = dict(
    backbone=dict(
        context_channels=(512, 1024, 2048),
        spatial_channels=(256, 256, 256, 512),
        out_channels=1024,
        backbone_cfg=dict(depth=50),
    ),
    decode_head=dict(in_channels=1024, channels=1024),
    auxiliary_head=[
        dict(in_index=1, **auxiliary_head),
        dict(in_index=2, **auxiliary_head),
    ],
)
