# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of DDAE's larger EDM (DDPM++, 56.5 M parameters) on CIFAR-10.
_base_ = './ddae_cifar10_edm_probe.py'
model = dict(backbone=dict(denoiser='work_dirs/edm_ddpmpp_cifar10_32/denoiser'))
