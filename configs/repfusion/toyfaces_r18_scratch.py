# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of toyfaces_r18.py on drawn faces (segmentation, 19 classes, 64 labeled faces): the
# same student and budget from random weights.
# Result: 39.5 ± 0.8 % test mIoU (three seeds), 42.4 ± 0.6 % after distillation; 300 iterations, see
# `make demo`.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/toyfaces_seg.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
