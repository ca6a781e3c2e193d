# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Crops of 64 px from the frames of all sequences of DAVIS, also those that are evaluated, without
# their masks. Frames are made 416 x 240 pixels, as davis2016_toyfaces.py reads them. The crop is
# mmpretrain's.
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.ImageListDataset',
        data_root='data/DAVIS',
        img_dir='JPEGImages/480p',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(416, 240), interpolation='area'),
            dict(type='mmpretrain.RandomCrop', crop_size=64),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ],
    ),
)
