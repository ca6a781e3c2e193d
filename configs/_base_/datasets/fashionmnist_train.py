# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The 60,000 training images of Fashion-MNIST as 32 px color images: docs/data_preparation.md.
data_root = '/usr/share/datasets/fashion-mnist'  # Debian's package dataset-fashion-mnist
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=10,
    mean=[128.0, 128.0, 128.0],
    std=[128.0, 128.0, 128.0],
    to_rgb=True,
)
train_set = dict(
    type='mmdiffrep.FashionMNISTDataset',
    data_root=data_root,
    split='train',
    pipeline=[
        dict(type='RandomCrop', crop_size=32, padding=2),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='PackInputs'),
    ],
)
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=False,  # or an epoch-based run could not resume bit for bit
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=train_set,
)
