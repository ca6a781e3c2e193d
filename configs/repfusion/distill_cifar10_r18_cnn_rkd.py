# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_r18_rkd.py with a CNN as the teacher; student, loss and schedule stay.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/cifar10_r18_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_r18_cnn_rkd/epoch_200.pth
_base_ = ['./distill_cifar10_r18_rkd.py', '../_base_/teachers/cifar10_cnn.py']
_base_.custom_hooks[1].update(_base_.no_timesteps)
_base_.custom_hooks[1].teacher = _base_.cnn
_base_.custom_hooks[1].pairs[0].teacher = 'backbone'
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
