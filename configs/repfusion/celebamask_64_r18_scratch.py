# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of celebamask_64_r18.py (CelebAMask-HQ at 64 px, 65 labeled images): the same student
# and budget from random weights.
# Result: 32.3 ± 0.1 % mIoU of 100 test images (three seeds); 300 iterations.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/celebamask_64.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
