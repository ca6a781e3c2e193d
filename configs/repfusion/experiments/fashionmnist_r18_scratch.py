# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A slim ResNet-18 on Fashion-MNIST from random weights: the baseline.
# Result: 77.05 ± 0.80 % top-1 of 10,000 test images with all labels (three seeds); 300 iterations,
# about two minutes on one core.
_base_ = [
    '../../_base_/models/classifier_r18_slim.py',
    '../../_base_/datasets/fashionmnist.py',
    '../../_base_/schedules/adamw_cosine_300.py',
    '../../_base_/runtime/mmpretrain.py',
]
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
