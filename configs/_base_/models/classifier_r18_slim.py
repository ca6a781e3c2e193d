# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 for experiments on CPUs: a quarter of its width, and half the resolution from the first
# stage on (32 px become 16, 8, 4, 4). 0.7 M parameters.
_base_ = './classifier_r18_cifar.py'
model = dict(
    backbone=dict(stem_channels=16, base_channels=16, strides=(2, 2, 2, 1)),
    head=dict(in_channels=128),
)
