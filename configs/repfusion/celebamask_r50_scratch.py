# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# BiSeNetV1 R50 on CelebAMask-HQ from random weights: the paper's baseline.
# Result: never run at full size (160,000 iterations).
_base_ = [
    '../_base_/models/bisenetv1_r50.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
train_dataloader = dict(batch_size=4)  # official
