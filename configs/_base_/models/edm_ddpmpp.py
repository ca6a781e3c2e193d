# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The network of ddpm_ddpmpp.py in the formulation of EDM, with DDAE's values.
model = dict(
    type='mmdiffrep.EDM',
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
        dropout=0.13,
        flip_sin_to_cos=False,
        freq_shift=1,
        downsample_type='resnet',
        upsample_type='resnet',
        time_embedding_dim=512,
    ),
    scheduler=dict(sigma_data=0.5, sigma_min=0.002, sigma_max=80.0, num_train_timesteps=18),
    p_mean=-1.2,
    p_std=1.2,
    data_preprocessor=dict(
        type='ImgDataPreprocessor',
        mean=[127.5] * 3,
        std=[127.5] * 3,
        bgr_to_rgb=True,
        non_blocking=True,
    ),
)
