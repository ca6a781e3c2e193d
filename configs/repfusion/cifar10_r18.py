# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on CIFAR-10 in one run: ResNet-18 learns its task and, in the same steps, the features
# of a diffusion model. In the paper's two stages: distill_cifar10_r18.py, cifar10_r18_finetune.py.
_base_ = ['./cifar10_r18_scratch.py', '../_base_/distillation/reinforced_hint.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, teacher='google/ddpm-cifar10-32'),
    dict(type='EMAHook', momentum=0.001),
    _base_.policy_log,
]
