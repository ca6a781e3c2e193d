# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on bedroom_28, 256 px: ten pixel classifiers on an unconditional ADM, official values.
# Result: never run at full size.
_base_ = [
    '../_base_/models/ddpm_seg_adm_256.py',
    '../_base_/datasets/ddpm_seg.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
category = 'bedroom_28'
model = dict(
    backbone=dict(denoiser=dict(checkpoint='checkpoints/lsun_bedroom.pt')),
    decode_head=dict(num_classes=28),
)
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
