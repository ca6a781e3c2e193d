# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two: the baseline, its backbone loaded from stage 1.
_base_ = './cifar10_mbv2_scratch.py'
distilled = 'work_dirs/distill_cifar10_mbv2/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
