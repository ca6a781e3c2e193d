# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The images of CelebAMask-HQ without their masks, at 64 px.
data_root = 'data/CelebAMask-HQ'
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.ImageListDataset',
        data_root=data_root,
        ann_file='train.txt',
        img_dir='images',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(64, 64), interpolation='area'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ],
    ),
)
