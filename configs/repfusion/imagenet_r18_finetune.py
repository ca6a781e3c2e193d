# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2: the baseline, its backbone loaded from distill_imagenet_r18.py.
_base_ = './imagenet_r18_scratch.py'
distilled = 'work_dirs/distill_imagenet_r18/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
