# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ADM without classes at 256 px as backbone and neck of dense models: strides 4 to 32, 256 channels.
# Images keep their size, any multiple of 32.
pixel_mean = [127.5, 127.5, 127.5]  # to [-1, 1]
pixel_std = [127.5, 127.5, 127.5]
pyramid_backbone = dict(
    type='mmdiffrep.DPMBackbone',
    denoiser=dict(
        type='mmdiffrep.ADMDenoiser',
        checkpoint='checkpoints/256x256_diffusion_uncond.pt',
        image_size=256,
        num_channels=256,
        num_res_blocks=2,
        num_head_channels=64,
        attention_resolutions='32,16,8',
        class_cond=False,
        resblock_updown=True,
        use_scale_shift_norm=True,
        learn_sigma=True,
        noise_schedule='linear',
    ),
    taps=['mid', 'dec.4', 'dec.7', 'dec.10'],
    timesteps=[150],
    noise='fresh',
    test_noise='per_image',
    input=dict(mean=pixel_mean, std=pixel_std, size=None, channel_order='rgb'),
)
pyramid_neck = dict(
    type='mmdiffrep.TapPyramid', in_channels=[1024, 1024, 512, 512], in_strides=[32, 16, 8, 4]
)
