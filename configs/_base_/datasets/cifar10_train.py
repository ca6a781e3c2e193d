# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The training images of CIFAR-10 in the official normalization and augmentation, for distillation.
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=10,
    mean=[128.0, 128.0, 128.0],
    std=[128.0, 128.0, 128.0],
    to_rgb=False,  # the images are RGB as they come
)
train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CIFAR10',
        data_root='data/cifar10',
        split='train',
        pipeline=[
            dict(type='RandomCrop', crop_size=32, padding=4),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='PackInputs'),
        ],
    ),
)
