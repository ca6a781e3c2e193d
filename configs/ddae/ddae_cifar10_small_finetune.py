# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Fine-tuning of a small DDPM (../ddpm/ddpm_cifar10_32.py) on the CIFAR-10 subset, 30 epochs.
# Result: not measured.
_base_ = [
    '../_base_/datasets/cifar10_small.py',
    '../_base_/models/ddae_32_probe.py',
    '../_base_/schedules/adamw_30e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='work_dirs/ddpm_cifar10_32/denoiser', frozen=False))
train_dataloader = dict(
    batch_size=128, sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True)
)
