# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 after distill_toyfaces_r18_slim_soft.py: backbone and head start from it.
# Result: see "Does a teacher pay?" in docs/results.md; with 1,500 iterations.
_base_ = './toyfaces_r18_slim_scratch.py'
distilled = 'work_dirs/distill_toyfaces_r18_slim_soft/iter_1000.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.')),
    decode_head=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='neck.')),
)
