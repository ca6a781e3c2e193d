# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 2.7 M parameters at 32 px: three resolutions down to 8 px, attention at 8 px only.
_base_ = './ddpm_64.py'
model = dict(
    unet=dict(
        sample_size=32,
        block_out_channels=(32, 64, 128),
        down_block_types=('DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'),
        up_block_types=('AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'),
    ),
)
