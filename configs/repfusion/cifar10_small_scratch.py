# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A slim ResNet-18 on the CIFAR-10 subset from random weights: the baseline.
_base_ = [
    '../_base_/models/classifier_r18_slim.py',
    '../_base_/datasets/cifar10_small.py',
    '../_base_/schedules/adamw_cosine_300.py',
    '../_base_/runtime/mmpretrain.py',
]
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
