# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: maps of the teacher's decoder at a fixed timestep.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/cifar10_small_train.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.dense, **_base_.fixed, teacher='work_dirs/ddpm_cifar10_32/denoiser'),
]
