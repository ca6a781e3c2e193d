# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_tinyimagenet_r18.py with the official code's teacher side and policy, faults included: the
# wrong order of attention weights, the student's tensor as the input of teacher and policy, a stem
# that stage 2 cannot use, and no entropy bonus. One is left out: the teacher is not told the label
# of the image.
_base_ = './distill_tinyimagenet_r18.py'
model = dict(backbone=dict(_delete_=True, type='ResNet', depth=18))
_base_.custom_hooks[1].update(
    teacher_input='student',
    holdout=0.0,
    reward=dict(hidden_channels=384),  # half of the teacher's 768
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True),
)
# update() would merge it with the policy that it replaces.
_base_.custom_hooks[1].policy = dict(
    type='mmdiffrep.ReinforcedTimestep', net=dict(convolutions=3), baseline='none', entropy=0.0
)
_base_.custom_hooks[1].teacher.update(use_new_attention_order=False)
_base_.custom_hooks[1].pairs[0].update(
    teacher='module:middle_block.2.out_layers.3', standardize=False
)
custom_hooks = _base_.custom_hooks
