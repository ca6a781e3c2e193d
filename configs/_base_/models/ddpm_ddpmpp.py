# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's larger network, DDPM++ (Song et al. 2021) with 4 res blocks a resolution and BigGAN's res
# blocks as samplers. Official: 56.5 M parameters with a stem of 128 channels. UNet2DModel's stem
# has the width of the first resolution, 256, which makes 57,183,491; taps are the same.
_base_ = './ddpm_unet35m.py'
model = dict(
    unet=dict(
        block_out_channels=(256, 256, 256),
        layers_per_block=4,
        down_block_types=(
            'ResnetDownsampleBlock2D',
            'AttnDownBlock2D',
            'ResnetDownsampleBlock2D',
        ),
        up_block_types=('ResnetUpsampleBlock2D', 'AttnUpBlock2D', 'ResnetUpsampleBlock2D'),
        downsample_type='resnet',
        upsample_type='resnet',
        time_embedding_dim=512,
    ),
)
