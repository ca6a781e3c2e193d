# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/edm_32.py',
    '../_base_/datasets/cifar10_image_32.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/ddpm_runtime.py',
]
