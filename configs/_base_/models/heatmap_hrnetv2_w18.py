# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# HRNetV2-W18 with a 1x1 convolution over its four scales: 98 heat maps of a quarter of the input,
# from random weights. Its decoder is the codec of the data set.
_base_ = './hrnetv2_w18.py'
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone={{_base_.hrnetv2_w18}},
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        type='HeatmapHead',
        in_channels=270,
        out_channels=98,
        deconv_out_channels=None,
        conv_out_channels=(270,),
        conv_kernel_sizes=(1,),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
