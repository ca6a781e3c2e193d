# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# EDM of CIFAR-10 with DDAE's smaller network (35.7 M parameters), 2,000 epochs on 4 GPUs.
# Result: never run at full size; DDAE reports FID 3.97.
_base_ = [
    '../_base_/models/edm_unet35m.py',
    '../_base_/datasets/cifar10_image.py',
    '../_base_/schedules/ddae_edm_2000e.py',
    '../_base_/runtime/mmengine.py',
]
model = dict(data_preprocessor=dict(bgr_to_rgb=False))  # the images are RGB as they come
