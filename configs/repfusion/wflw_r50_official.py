# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# wflw_r50.py with the official code's teacher side: the residual branch before the skip is added,
# fed with the student's ImageNet-normalized tensor.
_base_ = './wflw_r50.py'
_base_.custom_hooks[1].update(teacher_input='student')
_base_.custom_hooks[1].pairs[0].update(teacher='module:mid_block.resnets.1.conv2')
custom_hooks = _base_.custom_hooks
