# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# cifar10_r18.py with a CNN as the teacher: a middle layer, as in FitNets.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
_base_ = ['./cifar10_r18.py', '../_base_/teachers/cifar10_cnn.py']
pair = dict(
    student='backbone.layer2',
    teacher='backbone.layer2',
    loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l2'),
)
_base_.custom_hooks[1].update(_base_.no_timesteps, pairs=[pair])
_base_.custom_hooks[1].teacher = _base_.cnn
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
