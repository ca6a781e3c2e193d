# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_r18.py with the official code's teacher side and policy.
_base_ = './distill_cifar10_r18.py'
_base_.custom_hooks[1].update(
    teacher_input='student',
    holdout=0.0,
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
# update() would merge it with the policy that it replaces.
_base_.custom_hooks[1].policy = dict(
    type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1, entropy_until=0.5
)
_base_.custom_hooks[1].pairs[0].update(
    teacher='module:mid_block.resnets.1.conv2', standardize=False
)
custom_hooks = _base_.custom_hooks
