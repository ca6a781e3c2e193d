# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's small DDPM on CIFAR-10, 15 epochs.
# google/ddpm-cifar10-32 has the same network, schedule and data as DDAE's DDPM of 35.7 M.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/ddae_probe.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='google/ddpm-cifar10-32'))
