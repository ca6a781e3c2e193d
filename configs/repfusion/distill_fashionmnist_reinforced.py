# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: a policy chooses the timestep, rewarded by the labels.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/fashionmnist_train.py']
# The reward reads labels: only the labeled share of the images is used.
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.BalancedSubset', fraction=1.0, dataset=_base_.train_set
    )
)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion, **_base_.reinforced, teacher='work_dirs/ddpm_fashionmnist_32/denoiser'
    ),
    _base_.policy_log,
]
