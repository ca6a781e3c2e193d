# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on another task (98 landmarks), from the backbone that distill_toyfaces_r18.py gave.
_base_ = './toyfaces_r18_pose_scratch.py'
distilled = 'work_dirs/distill_toyfaces_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
