# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2: the baseline, its backbone loaded from stage 1. Another stage 1: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_fashionmnist_uniform/iter_300.pth
_base_ = './fashionmnist_scratch.py'
distilled = 'work_dirs/distill_fashionmnist_reinforced/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
