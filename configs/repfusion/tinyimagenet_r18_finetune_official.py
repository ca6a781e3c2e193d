# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 after the official stage 1. Its first convolution does not fit and starts afresh.
_base_ = './tinyimagenet_r18_finetune.py'
distilled = 'work_dirs/distill_tinyimagenet_r18_official/epoch_200.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=distilled)))
