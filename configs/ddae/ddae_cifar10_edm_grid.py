# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Probes of all noise levels and taps of DDAE's small EDM on CIFAR-10.
_base_ = './ddae_cifar10_grid.py'
timesteps = [3, 4, 5]  # official: sigma 0.023, 0.060 and 0.140
model = dict(
    backbone=dict(denoiser='work_dirs/edm_unet35m_cifar10_32/denoiser', timesteps=timesteps),
    head=dict(timesteps=timesteps, shown='t4/ddae:7'),
)
