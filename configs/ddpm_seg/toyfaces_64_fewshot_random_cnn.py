# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of toyfaces_64_fewshot.py on drawn faces: a ResNet-18 with random weights under the
# same head.
# Result: 13.6 % mIoU of 500 new faces (one draw of 20); the four methods take 8 minutes of CPU
# time.
_base_ = [
    '../_base_/models/pixel_ensemble_r18_64.py',
    '../_base_/datasets/toyfaces_fewshot.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
train_cfg = dict(min_class_pixels=1)  # an eye has less than 20 pixels here
