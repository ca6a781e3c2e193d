# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on Tiny-ImageNet in one run.
_base_ = [
    './tinyimagenet_r18_scratch.py',
    '../_base_/distillation/reinforced_hint.py',
    '../_base_/teachers/adm_64.py',
]
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, teacher=_base_.adm_64),
    _base_.policy_log,
]
