# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's small DDPM on Tiny-ImageNet, 15 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/tinyimagenet.py',
    '../_base_/models/ddae_probe.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    backbone=dict(
        denoiser='work_dirs/ddpm_tinyimagenet_64_unet35m/denoiser',
        input=dict(
            mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channel_order='rgb'
        ),
    ),
    head=dict(num_classes=200),
)
