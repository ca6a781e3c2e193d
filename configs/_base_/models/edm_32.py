# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The network of ddpm_32.py in the formulation of EDM.
model = dict(
    type='mmdiffrep.EDM',
    unet=dict(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        block_out_channels=(32, 64, 128),
        down_block_types=('DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'),
        up_block_types=('AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'),
        layers_per_block=1,
        attention_head_dim=32,
        norm_num_groups=16,
        norm_eps=1e-6,
        flip_sin_to_cos=False,
        freq_shift=1,
        downsample_padding=0,
    ),
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
    ),
    bf16='auto',
)
