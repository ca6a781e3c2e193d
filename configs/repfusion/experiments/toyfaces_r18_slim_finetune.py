# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of toyfaces_r18_slim_scratch.py's student, from distill_toyfaces_r18_slim.py.
# Result: see "Does a teacher pay?" in docs/results.md; 2,500 iterations.
_base_ = './toyfaces_r18_slim_scratch.py'
distilled = 'work_dirs/distill_toyfaces_r18_slim/iter_1000.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
