# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two on Tiny-ImageNet: the baseline, its backbone loaded from stage 1.
# After another stage 1, such as the official one: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_tinyimagenet_r18_official/epoch_200.pth
# The first convolution of the official one does not fit and starts afresh.
# Result: never run at full size.
_base_ = './tinyimagenet_r18_scratch.py'
distilled = 'work_dirs/distill_tinyimagenet_r18/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
