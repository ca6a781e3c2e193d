# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# cifar10_r18.py with a CNN as the teacher: its class probabilities.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
_base_ = ['./cifar10_r18.py', '../_base_/teachers/cifar10_cnn.py']
pair = dict(
    student='head.fc',
    teacher='head.fc',
    loss=dict(type='mmdiffrep.SoftTargetLoss', temperature=4.0),
)
_base_.custom_hooks[1].update(teacher=_base_.cnn, pairs=[pair], policy=None, holdout=0.0)
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
