# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 after the official stage 1. After another one: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_r18_at/epoch_200.pth
_base_ = './cifar10_r18_finetune.py'
distilled = 'work_dirs/distill_cifar10_r18_official/epoch_200.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=distilled)))
