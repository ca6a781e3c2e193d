# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 1,000 training images per class of CIFAR-10, as files: docs/data_preparation.md.
data_root = 'data/cifar10_small'
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=10,
    mean=[128.0, 128.0, 128.0],
    std=[128.0, 128.0, 128.0],
    to_rgb=True,
)
train_set = dict(
    type='CustomDataset',
    data_root=data_root,
    data_prefix='train',
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='RandomCrop', crop_size=32, padding=4),
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
    # `fraction` is the share of the training images to use.
    dataset=dict(type='mmdiffrep.BalancedSubset', fraction=1.0, dataset=train_set),
)
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='test',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
