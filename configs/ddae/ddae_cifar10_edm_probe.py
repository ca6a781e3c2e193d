# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's small EDM on CIFAR-10.
_base_ = './ddae_cifar10_probe.py'
model = dict(
    backbone=dict(
        denoiser='work_dirs/edm_unet35m_cifar10_32/denoiser',
        taps=['ddae:7'],  # official: out_7, the first res block at half of the side
        timesteps=[4],  # official: step 4 of 18, sigma 0.060
    ),
)
