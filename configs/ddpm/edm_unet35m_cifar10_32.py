# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/edm_unet35m.py',
    '../_base_/datasets/cifar10_image.py',
    '../_base_/schedules/ddae_edm_2000e.py',
    '../_base_/runtime/ddpm_epochs.py',
]
model = dict(data_preprocessor=dict(bgr_to_rgb=False))  # the images are RGB as they come
