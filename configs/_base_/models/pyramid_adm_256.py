# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ADM without classes at 256 px as backbone and neck of dense models: strides 4 to 32, 256 channels.
# Images keep their size, any multiple of 32.
_base_ = '../teachers/adm_256_uncond.py'
pixel_mean = [127.5, 127.5, 127.5]  # to [-1, 1]
pixel_std = [127.5, 127.5, 127.5]
pyramid_backbone = dict(
    type='mmdiffrep.DPMBackbone',
    denoiser=_base_.adm_256,
    taps=['mid', 'dec.4', 'dec.7', 'dec.10'],
    timesteps=[150],
    noise='fresh',
    test_noise='per_image',
    input=dict(mean=pixel_mean, std=pixel_std, size=None),
)
pyramid_neck = dict(
    type='mmdiffrep.TapPyramid', in_channels=[1024, 1024, 512, 512], in_strides=[32, 16, 8, 4]
)
