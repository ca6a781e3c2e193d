# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small EDM (2.7 M parameters) of Fashion-MNIST, 32 px.
# Result: not measured.
_base_ = [
    '../_base_/models/edm_32.py',
    '../_base_/datasets/fashionmnist_image_32.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
