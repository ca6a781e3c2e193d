# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on celeba_19, 256 px: ten pixel classifiers on an unconditional ADM, official values.
# Result: never run at full size.
_base_ = [
    '../_base_/models/ddpm_seg_adm_256.py',
    '../_base_/datasets/ddpm_seg.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
category = 'celeba_19'
model = dict(
    backbone=dict(denoiser=dict(checkpoint='checkpoints/ffhq.pt')),
    decode_head=dict(num_classes=19),
)
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
