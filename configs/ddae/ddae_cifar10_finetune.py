# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Fine-tuning of DDAE's small DDPM on CIFAR-10, 30 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/ddae_finetune.py',
    '../_base_/schedules/adamw_30e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='google/ddpm-cifar10-32'))
