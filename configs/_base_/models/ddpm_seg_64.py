# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on a small diffusion model of 64 px images, such as configs/ddpm trains.
num_members = 10  # official
num_classes = 19
pixel_mean = [127.5, 127.5, 127.5]  # to [-1, 1]
pixel_std = [127.5, 127.5, 127.5]
model = dict(
    type='mmdiffrep.PixelEnsembleSegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=pixel_mean, std=pixel_std, bgr_to_rgb=True
    ),
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        taps=['dec.1', 'dec.3', 'dec.5', 'dec.6'],
        timesteps=[50, 150],
        noise=dict(type='shared', seed=0),  # official
        input=dict(mean=pixel_mean, std=pixel_std, channel_order='rgb'),
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(
        type='mmdiffrep.PixelMLPEnsembleHead', num_members=num_members, num_classes=num_classes
    ),
)
