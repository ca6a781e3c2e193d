# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_toyfaces_r18_slim.py with the teacher's network, but random weights: what of a gain is the
# diffusion model's?
# Result: see "Does a teacher pay?" in docs/results.md; 1,000 iterations.
_base_ = './distill_toyfaces_r18_slim.py'
default_hooks = dict(
    repfusion=dict(
        teacher=dict(
            _delete_=True,
            type='UNet2DDenoiser',
            unet=dict(
                sample_size=64,
                in_channels=3,
                out_channels=3,
                block_out_channels=(32, 64, 128, 160),
                down_block_types=('DownBlock2D', 'DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'),
                up_block_types=('AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D'),
                layers_per_block=1,
                attention_head_dim=32,
                norm_num_groups=16,
                norm_eps=1e-6,
                flip_sin_to_cos=False,
                freq_shift=1,
                downsample_padding=0,
            ),
            schedule=dict(name='linear', num_timesteps=1000),
        ),
    ),
)
