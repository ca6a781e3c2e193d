# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 2.7 M parameters at 32 px: three resolutions down to 8 px, attention at 8 px only. Target and
# timesteps as in ddpm_64.py, where they are explained.
model = dict(
    type='mmdiffrep.DDPM',
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
    scheduler=dict(
        num_train_timesteps=1000, beta_schedule='linear', prediction_type='v_prediction'
    ),
    timestep_logits=(-1.0, 1.0),
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
    ),
    bf16='auto',
)
