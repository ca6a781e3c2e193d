# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The training images of Tiny-ImageNet without labels: docs/data_preparation.md.
train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    drop_last=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.ImageListDataset',
        data_root='data/tiny-imagenet',
        img_dir='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ],
    ),
)
