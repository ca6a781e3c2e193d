# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_small_reinforced.py with the official teacher side and policy.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/cifar10_small_train.py']
# The reward reads labels: only the labeled share of the images is used.
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.BalancedSubset', fraction=1.0, dataset=_base_.train_set
    )
)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.official,
        **_base_.reinforced_official,
        teacher='work_dirs/ddpm_cifar10_32/denoiser',
    ),
    _base_.policy_log,
]
