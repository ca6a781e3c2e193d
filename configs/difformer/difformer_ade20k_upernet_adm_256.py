# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# UPerNet on ADE20K: a frozen diffusion model as the backbone, mmseg's own head and data.
# Result: never run at full size.
_base_ = [
    'mmseg::_base_/models/upernet_r50.py',
    'mmseg::_base_/datasets/ade20k.py',
    'mmseg::_base_/schedules/schedule_160k.py',
    '../_base_/models/pyramid_adm_256.py',
    '../_base_/runtime/mmseg.py',
]
data_preprocessor = dict(
    mean=_base_.pixel_mean,
    std=_base_.pixel_std,
    size=(512, 512),
    test_cfg=dict(size_divisor=32),
)
model = dict(
    data_preprocessor=data_preprocessor,
    pretrained=None,
    backbone=dict(_delete_=True, **dict(_base_.pyramid_backbone, timesteps=[90, 150, 300])),
    neck=dict(_base_.pyramid_neck, num_timesteps=3),
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
)
