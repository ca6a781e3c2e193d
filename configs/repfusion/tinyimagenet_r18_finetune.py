# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two: the baseline, its backbone loaded from stage 1.
_base_ = './tinyimagenet_r18_scratch.py'
distilled = 'work_dirs/distill_tinyimagenet_r18/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
