# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two on CIFAR-10: the baseline, its backbone loaded from stage 1.
# Result: never run at full size.
_base_ = './cifar10_wrn28_2_scratch.py'
distilled = 'work_dirs/distill_cifar10_wrn28_2/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
