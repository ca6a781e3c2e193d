# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official variant with relational distillation in place of the hint: no policy, but a uniform
# timestep below 50, and the stem that stage 2 uses.
_base_ = './distill_tinyimagenet_r18_official.py'
model = dict(backbone=dict(type='ResNet_CIFAR'))
_base_.custom_hooks[1].policy = dict(type='mmdiffrep.UniformTimestep', high=50)
_base_.custom_hooks[1].reward = None
_base_.custom_hooks[1].pairs[0].loss = dict(
    type='mmdiffrep.RelationalLoss', distance_weight=25.0, angle_weight=50.0, loss_weight=1.0
)
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
