# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 for small images at a quarter of its width: 0.7 M parameters, for experiments on CPUs.
_base_ = './classifier_r18_cifar.py'
model = dict(backbone=dict(stem_channels=16, base_channels=16), head=dict(in_channels=128))
