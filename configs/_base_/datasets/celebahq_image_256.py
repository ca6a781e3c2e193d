# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# CelebA-HQ's images without labels, as RepFusion distills on them: crop 256 px, flip. The official
# code takes all 30,000 images, test images included; here it is the training split.
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    # Under an epoch-based loop a resumed run is only the same bit for bit when workers start anew
    # with every epoch: those that persist go on with random numbers that a resume cannot restore.
    persistent_workers=False,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.ImageListDataset',
        data_root='data/CelebAMask-HQ',
        img_dir='images',
        ann_file='train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmpretrain.RandomResizedCrop', scale=256),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ],
    ),
)
