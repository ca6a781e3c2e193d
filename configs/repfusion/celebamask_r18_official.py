# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# celebamask_r18.py with the official code's teacher side: the residual branch before the skip is
# added, fed with the student's ImageNet-normalized tensor; and flips that ignore left and right.
_base_ = './celebamask_r18.py'
_base_.custom_hooks[1].update(teacher_input='student')
_base_.custom_hooks[1].pairs[0].update(teacher='module:mid_block.resnets.1.conv2')
custom_hooks = _base_.custom_hooks
_base_.train_pipeline[4].update(type='RandomFlip')
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
