# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Fine-tuning of DDAE's small DDPM on CIFAR-100, 30 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar100.py',
    '../_base_/models/ddae_finetune.py',
    '../_base_/schedules/adamw_30e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    backbone=dict(denoiser='work_dirs/ddpm_cifar100_32_unet35m/denoiser'),
    head=dict(num_classes=100),
)
