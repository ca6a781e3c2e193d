# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two on WFLW: the baseline, its backbone loaded from stage 1. After the
# official stage 1: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_celebahq_r50_official/epoch_200.pth
# Result: never run at full size.
_base_ = './wflw_r50_scratch.py'
distilled = 'work_dirs/distill_celebahq_r50/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
