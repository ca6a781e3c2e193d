# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# BiSeNetV1 R18 on CelebAMask-HQ from random weights: the paper's baseline.
# Result: never run at full size (160,000 iterations).
_base_ = [
    '../_base_/models/bisenetv1_r18.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
