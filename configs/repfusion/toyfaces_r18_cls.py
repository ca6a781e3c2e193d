# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on drawn faces (glasses, 3 classes, 256 labeled faces): fine-tunes the backbone that
# distill_toyfaces_r18.py gave.
# Result: not measured; 300 iterations take about a minute on two CPU cores.
_base_ = [
    '../_base_/models/classifier_r18_64.py',
    '../_base_/datasets/toyfaces_cls.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpretrain.py',
]
distilled = 'work_dirs/distill_toyfaces_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
