# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's small EDM on CIFAR-10, 15 epochs. Of its larger one (DDPM++, 56.5 M
# parameters): --cfg-options model.backbone.denoiser=work_dirs/edm_cifar10_32_ddpmpp/denoiser
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/ddae_probe.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    backbone=dict(
        denoiser='work_dirs/edm_cifar10_32_unet35m/denoiser',
        taps=['ddae:7'],  # official: out_7, the first res block at half of the side
        timesteps=[4],  # official: step 4 of 18, sigma 0.060
    ),
)
