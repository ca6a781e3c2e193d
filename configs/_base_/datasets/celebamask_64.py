# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# CelebAMask-HQ at 64 px: small experiments with a few labeled images, on a CPU as well.
data_root = 'data/CelebAMask-HQ'
num_labeled = 65  # train on the first N images only; None: all
image_size = (64, 64)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Files are 512 px: averaging over areas keeps fine structures from flickering. From 1.0 up, so
    # that a crop is always full.
    dict(
        type='RandomResize',
        scale=image_size,
        ratio_range=(1.0, 1.25),
        keep_ratio=True,
        interpolation='area',
    ),
    dict(type='RandomCrop', crop_size=image_size),
    dict(type='mmdiffrep.LeftRightFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdiffrep.PackByteSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=image_size, keep_ratio=True, interpolation='area'),
    dict(type='LoadAnnotations'),  # behind Resize: the metric compares at the file's size
    dict(type='PackSegInputs'),
]

dataset = dict(type='mmdiffrep.CelebAMaskHQDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**dataset, ann_file='train.txt', indices=num_labeled, pipeline=train_pipeline),
)
eval_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_dataloader = dict(
    **eval_dataloader, dataset=dict(**dataset, ann_file='val.txt', pipeline=test_pipeline)
)
test_dataloader = dict(
    **eval_dataloader, dataset=dict(**dataset, ann_file='test.txt', pipeline=test_pipeline)
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
