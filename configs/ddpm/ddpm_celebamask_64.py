# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small DDPM (5.6 M parameters) of the faces of CelebAMask-HQ, 64 px, without masks.
# Result: the teacher of celebamask_64_r18.py (34.4 ± 0.7 % mIoU, 32.3 ± 0.1 from random weights);
# 2,000 steps in 27 minutes on two CPU cores (650 images).
_base_ = [
    '../_base_/models/ddpm_64.py',
    '../_base_/datasets/celebamask_image_64.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
