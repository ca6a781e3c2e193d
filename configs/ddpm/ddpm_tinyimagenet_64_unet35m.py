# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM of Tiny-ImageNet, 64 px, 2,000 epochs on 4 GPUs. DDAE's own settings for Tiny-ImageNet are
# not public; this is its smaller network with attention at 16 px, and as many parameters.
# Result: never run at full size.
_base_ = [
    '../_base_/models/ddpm_unet35m.py',
    '../_base_/datasets/tinyimagenet_image.py',
    '../_base_/schedules/ddae_ddpm_2000e.py',
    '../_base_/runtime/mmengine.py',
]
model = dict(
    unet=dict(
        sample_size=64,
        down_block_types=('DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'),
    ),
)
