# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# All training images of CelebAMask-HQ with their masks, at 64 px and whole as without masks.
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.CelebAMaskHQDataset',
        data_root='data/CelebAMask-HQ',
        ann_file='train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='Resize', scale=(64, 64), interpolation='area'),
            dict(type='mmdiffrep.LeftRightFlip', prob=0.5),
            dict(type='mmdiffrep.PackByteSegInputs'),
        ],
    ),
)
