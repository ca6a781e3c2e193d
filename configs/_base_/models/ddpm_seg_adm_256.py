# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on an unconditional ADM at 256 px, with the official values throughout.
num_members = 10
pixel_mean = [127.5, 127.5, 127.5]  # to [-1, 1]
pixel_std = [127.5, 127.5, 127.5]
model = dict(
    type='mmdiffrep.PixelEnsembleSegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=pixel_mean, std=pixel_std, bgr_to_rgb=True
    ),
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=dict(
            type='ADMDenoiser',
            image_size=256,
            num_channels=256,
            num_res_blocks=2,
            num_head_channels=64,
            attention_resolutions='32,16,8',
            resblock_updown=True,
            use_scale_shift_norm=True,
            learn_sigma=True,
        ),
        taps=['dec.5', 'dec.6', 'dec.7', 'dec.8', 'dec.12'],
        timesteps=[50, 150, 250],
        noise=dict(type='shared', seed=0),
        input=dict(mean=pixel_mean, std=pixel_std, channel_order='rgb'),
        pass_size=8,  # of 3 x batch size: less memory, the same features
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_members=num_members),
)
