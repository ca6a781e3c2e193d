# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# WRN-28-2 on CIFAR-10 from random weights: the baseline.
_base_ = './cifar10_r18_scratch.py'
model = dict(
    backbone=dict(_delete_=True, type='mmdiffrep.WideResNetCIFAR', depth=28, widen_factor=2),
    head=dict(in_channels=128),
)
