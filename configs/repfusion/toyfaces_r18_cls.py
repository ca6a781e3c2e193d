# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on another task (glasses, 3 classes), from the backbone that distill_toyfaces_r18.py gave.
_base_ = './toyfaces_r18_cls_scratch.py'
distilled = 'work_dirs/distill_toyfaces_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
