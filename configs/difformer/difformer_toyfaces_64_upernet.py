# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# UPerNet on drawn faces, with the diffusion model that comes with the package as its backbone: the
# data, loss and budget of configs/repfusion/toyfaces_r18_scratch.py.
# Result: not measured; 300 iterations.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/toyfaces_seg.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
preprocessor = _base_.model.data_preprocessor
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdiffrep.DPMBackbone',
        denoiser='mmdiffrep://toyfaces_ddpm_64',
        taps=['dec.1', 'dec.3', 'dec.5'],
        timesteps=[50],
        noise='fresh',
        test_noise='per_image',
        input=dict(mean=preprocessor.mean, std=preprocessor.std, channel_order='rgb'),
    ),
    neck=dict(
        type='mmdiffrep.TapPyramid',
        in_channels=[160, 128, 64],
        in_strides=[8, 4, 2],
        out_channels=64,
        out_strides=[2, 4, 8, 16],
    ),
    decode_head=dict(
        _delete_=True,
        type='UPerHead',
        in_channels=[64] * 4,
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3),
        channels=64,
        num_classes=_base_.num_classes,
        norm_cfg=_base_.norm_cfg,
        align_corners=False,
        loss_decode=_base_.model.decode_head.loss_decode,
    ),
)
