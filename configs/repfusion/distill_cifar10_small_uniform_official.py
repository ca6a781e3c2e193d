# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_small_uniform.py with the official teacher side.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/cifar10_small_train.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.official, **_base_.uniform, teacher='work_dirs/ddpm_cifar10_32/denoiser'),
]
