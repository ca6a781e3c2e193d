# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 with the stem for small images on Tiny-ImageNet from random weights: the baseline.
# Official: no EMA.
# Result: never run at full size.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/tinyimagenet.py',
    '../_base_/schedules/sgd_200e_cls.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(head=dict(num_classes=200))
