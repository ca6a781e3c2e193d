# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official variant with attention transfer in place of the hint.
_base_ = './distill_cifar10_r18_official.py'
_base_.custom_hooks[1].pairs[0].loss = dict(
    type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0
)
custom_hooks = _base_.custom_hooks
