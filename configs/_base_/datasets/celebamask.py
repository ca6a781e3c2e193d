# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# CelebAMask-HQ, 19 classes, with RepFusion's official sizes, crop, augmentation and batch size.
# Another place: --cfg-options train_dataloader.dataset.data_root=DIR
#   val_dataloader.dataset.data_root=DIR test_dataloader.dataset.data_root=DIR
data_root = 'data/CelebAMask-HQ'
num_labeled = None  # train on the first N images only; None: all
image_size = (512, 512)
crop_size = (448, 448)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=image_size, ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='mmdiffrep.LeftRightFlip', prob=0.5),  # official: RandomFlip
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdiffrep.PackByteSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=image_size, keep_ratio=True),
    dict(type='LoadAnnotations'),  # behind Resize: the metric compares at the file's size
    dict(type='PackSegInputs'),
]

dataset = dict(type='mmdiffrep.CelebAMaskHQDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**dataset, ann_file='train.txt', indices=num_labeled, pipeline=train_pipeline),
)
eval_dataloader = dict(
    batch_size=1,
    num_workers=4,
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
