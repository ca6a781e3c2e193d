# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 with MobileNetV2 as the student and the official code's teacher side: here it has no
# policy, but a uniform timestep below 50.
_base_ = './distill_tinyimagenet_r18_official.py'
model = dict(backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0))
_base_.custom_hooks[1].policy = dict(type='mmdiffrep.UniformTimestep', high=50)
_base_.custom_hooks[1].reward = None
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
