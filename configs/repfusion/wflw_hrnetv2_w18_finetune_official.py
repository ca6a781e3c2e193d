# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 after the official stage 1.
_base_ = './wflw_hrnetv2_w18_finetune.py'
distilled = 'work_dirs/distill_celebahq_hrnet_w18_official/epoch_200.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=distilled)))
