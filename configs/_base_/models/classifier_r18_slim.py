# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 for experiments on CPUs: a quarter of its width, and half the resolution from the first
# stage on (32 px become 16, 8, 4, 4). 0.7 M parameters.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(2, 2, 2, 1),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=128,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
        topk=(1, 5),
    ),
)
