# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2: fine-tunes the distilled backbone on a few labeled faces. Run distill_toyfaces_r18.py
# first; `make demo` runs both, and the baseline.
_base_ = './toyfaces_r18_scratch.py'
distilled = 'work_dirs/distill_toyfaces_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
