# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_imagenet_r18.py with the official code's teacher side and timesteps.
_base_ = './distill_imagenet_r18.py'
_base_.custom_hooks[1].update(
    teacher_input='student',
    policy=dict(type='mmdiffrep.UniformTimestep', high=1000),
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
_base_.custom_hooks[1].pairs[0].update(
    teacher='module:middle_block.2.out_layers.3', standardize=False
)
custom_hooks = _base_.custom_hooks
