# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_tinyimagenet_r18.py with a CNN as the teacher; student, loss and schedule stay.
# The hint is at the end of the backbone, not in the middle as in FitNets: in stage 1 nothing else
# would teach the layers behind it.
# First: python tools/train.py configs/repfusion/tinyimagenet_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/tinyimagenet_r18_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_tinyimagenet_r18_cnn_hint/epoch_200.pth
_base_ = ['./distill_tinyimagenet_r18.py', '../_base_/teachers/tinyimagenet_cnn.py']
_base_.custom_hooks[1].update(_base_.no_timesteps)
_base_.custom_hooks[1].teacher = _base_.cnn
_base_.custom_hooks[1].pairs[0].teacher = 'backbone'
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'mmdiffrep.PolicyLogHook']
