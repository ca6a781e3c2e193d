# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# HRNetV2-W18, the backbone alone: what is distilled and what heatmap_hrnetv2_w18.py loads.
hrnetv2_w18 = dict(
    type='mmpose.HRNet',
    in_channels=3,
    extra=dict(
        stage1=dict(
            num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(4,), num_channels=(64,)
        ),
        stage2=dict(
            num_modules=1, num_branches=2, block='BASIC', num_blocks=(4, 4), num_channels=(18, 36)
        ),
        stage3=dict(
            num_modules=4,
            num_branches=3,
            block='BASIC',
            num_blocks=(4, 4, 4),
            num_channels=(18, 36, 72),
        ),
        stage4=dict(
            num_modules=3,
            num_branches=4,
            block='BASIC',
            num_blocks=(4, 4, 4, 4),
            num_channels=(18, 36, 72, 144),
            multiscale_output=True,
        ),
        upsample=dict(mode='bilinear', align_corners=False),
    ),
)
