# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official variant with relational distillation in place of the hint.
_base_ = './distill_cifar10_r18_official.py'
_base_.custom_hooks[1].pairs[0].loss = dict(
    type='mmdiffrep.RelationalLoss', distance_weight=25.0, angle_weight=50.0, loss_weight=1.0
)
custom_hooks = _base_.custom_hooks
