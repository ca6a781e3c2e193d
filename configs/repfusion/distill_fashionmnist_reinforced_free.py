# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: a policy chooses the timestep, rewarded without labels: images are to be told apart.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/fashionmnist_train.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion,
        **_base_.reinforced_free,
        teacher='work_dirs/ddpm_fashionmnist_32/denoiser',
    ),
    _base_.policy_log,
]
