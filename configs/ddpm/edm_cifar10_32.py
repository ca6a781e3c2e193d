# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small EDM (2.7 M parameters) of the CIFAR-10 subset, 32 px.
# Result: not measured.
_base_ = [
    '../_base_/models/edm_32.py',
    '../_base_/datasets/cifar10_image_32.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
