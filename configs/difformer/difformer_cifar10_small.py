# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on a small diffusion model (configs/ddpm/ddpm_cifar10_32.py) and the CIFAR-10 subset.
# Result: not measured.
_base_ = [
    '../_base_/models/difformer_32.py',
    '../_base_/datasets/cifar10_small.py',
    '../_base_/schedules/adamw_cosine_300.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='work_dirs/ddpm_cifar10_32/denoiser'))
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
