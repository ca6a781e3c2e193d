# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/ddpm_ddpmpp.py',
    '../_base_/datasets/cifar100_image.py',
    '../_base_/schedules/ddae_ddpm_2000e.py',
    '../_base_/runtime/ddpm_epochs.py',
]
model = dict(data_preprocessor=dict(bgr_to_rgb=False))  # the images are RGB as they come
train_dataloader = dict(batch_size=64)  # official, on 4 processes
