# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# All training images of CelebAMask-HQ with their masks, at 64 px and whole as without masks.
_base_ = './celebamask_image_64.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdiffrep.CelebAMaskHQDataset',
        data_root=_base_.data_root,
        ann_file='train.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='Resize', scale=(64, 64), interpolation='area'),
            dict(type='mmdiffrep.LeftRightFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
