# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# InfoNCE: a student feature finds the teacher feature of its own image.
_base_ = '../../_base_/distillation/toyfaces_r18_cls.py'
loss = dict(type='mmdiffrep.ContrastiveLoss', temperature=0.1)  # official
custom_hooks = [
    *_base_.custom_hooks,
    dict(**_base_.repfusion, pairs=[dict(**_base_.layers, loss=loss)]),
]
