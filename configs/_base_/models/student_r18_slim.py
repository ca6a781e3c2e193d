# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The backbone of classifier_r18_slim.py without a head: what a stage of distillation alone trains.
model = dict(
    type='mmdiffrep.DistillationStudent',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(2, 2, 2, 1),
    ),
)
