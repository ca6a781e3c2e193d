# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A CNN teacher: the baseline at twice its width, with the same labels.
_base_ = './fashionmnist_scratch.py'
model = dict(backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256))
