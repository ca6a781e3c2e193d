# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's smaller network, DDPM's for CIFAR-10 (Ho et al. 2020, appendix B): 35,746,307 parameters.
# Two values are not DDAE's: the input of the time embedding (t; official: t / 1000) and the groups
# of the last GroupNorm (32; official: 8), which changes the output but no tap.
model = dict(
    type='mmdiffrep.DDPM',
    unet=dict(
        sample_size=32,
        block_out_channels=(128, 256, 256, 256),
        layers_per_block=2,
        down_block_types=('DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'),
        attention_head_dim=None,  # one head
        dropout=0.1,
        flip_sin_to_cos=False,
        freq_shift=1,
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
