# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 with MobileNetV2 as the student and a CNN as the teacher.
# First: python tools/train.py configs/repfusion/tinyimagenet_r18_scratch.py
# Stage 2: python tools/train.py configs/repfusion/tinyimagenet_mbv2_finetune.py --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_tinyimagenet_mbv2_cnn_hint/epoch_200.pth
_base_ = './distill_tinyimagenet_r18_cnn_hint.py'
model = dict(backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0))
