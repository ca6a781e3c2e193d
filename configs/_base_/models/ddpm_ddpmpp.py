# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's larger network, DDPM++ (Song et al. 2021) with 4 res blocks per resolution and BigGAN's res
# blocks as samplers. Official: 56.5 M parameters with a stem of 128 channels. UNet2DModel's stem
# has the width of the first resolution, 256, which makes 57,183,491; taps are the same.
model = dict(
    type='mmdiffrep.DDPM',
    unet=dict(
        sample_size=32,
        block_out_channels=(256, 256, 256),
        layers_per_block=4,
        down_block_types=(
            'ResnetDownsampleBlock2D',
            'AttnDownBlock2D',
            'ResnetDownsampleBlock2D',
        ),
        up_block_types=('ResnetUpsampleBlock2D', 'AttnUpBlock2D', 'ResnetUpsampleBlock2D'),
        attention_head_dim=None,  # one head
        dropout=0.1,
        flip_sin_to_cos=False,
        freq_shift=1,
        downsample_type='resnet',
        upsample_type='resnet',
        time_embedding_dim=512,
    ),
    scheduler=dict(num_train_timesteps=1000, beta_schedule='linear'),  # predicts the noise
    data_preprocessor=dict(
        type='ImgDataPreprocessor',
        mean=[127.5] * 3,
        std=[127.5] * 3,
        bgr_to_rgb=True,
        non_blocking=True,
    ),
)
