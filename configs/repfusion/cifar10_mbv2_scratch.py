# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# MobileNetV2 on CIFAR-10 from random weights: the baseline.
_base_ = './cifar10_r18_scratch.py'
model = dict(
    backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0),
    head=dict(in_channels=1280),
)
