# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ImageNet at 256 px in [-1, 1], with the official augmentation of GDC and DifFormer: the shorter
# side is drawn in [256, 320] and a square cut out (ADM's random crop), flipped or not.
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=1000,
    mean=[127.5, 127.5, 127.5],
    std=[127.5, 127.5, 127.5],
    to_rgb=True,
)
# Officially halved with BOX while it is twice as large, which pillow's antialiasing stands in for.
resize = dict(backend='pillow', interpolation='bicubic')
train_dataloader = dict(
    batch_size=32,  # official, on each of 4 GPUs
    num_workers=8,
    persistent_workers=False,  # or a resumed run would not be the same bit for bit
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet',
        split='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            # The longer side has no bound.
            dict(
                type='RandomResize', scale=[(256, 10**6), (320, 10**6)], keep_ratio=True, **resize
            ),
            dict(type='RandomCrop', crop_size=256),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet',
        split='val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ResizeEdge', scale=256, edge='short', **resize),
            dict(type='CenterCrop', crop_size=256),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
