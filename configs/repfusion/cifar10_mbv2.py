# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on CIFAR-10 in one run with MobileNetV2 as the student.
_base_ = ['./cifar10_mbv2_scratch.py', '../_base_/distillation/reinforced_hint.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, teacher='google/ddpm-cifar10-32'),
    dict(type='EMAHook', momentum=0.001),
    _base_.policy_log,
]
