# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Face parsing on drawn faces, 19 classes, 64 px: no files, no download.
num_labeled = 64  # train on the first N faces only; None: all
image_size = (64, 64)

train_pipeline = [
    dict(type='mmdiffrep.LoadToyFace', cache=True),
    # From 1.0 up, so that a crop is always full.
    dict(type='RandomResize', scale=image_size, ratio_range=(1.0, 1.25), keep_ratio=True),
    dict(type='RandomCrop', crop_size=image_size),
    dict(type='mmdiffrep.LeftRightFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='mmdiffrep.PackByteSegInputs'),
]
test_pipeline = [dict(type='mmdiffrep.LoadToyFace', cache=True), dict(type='PackSegInputs')]

dataset = dict(type='mmdiffrep.ToyFacesDataset', task='seg', image_size=64)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **dataset,
        split='train',
        num_images=4000,
        indices=num_labeled,
        pipeline=train_pipeline,
    ),
)
eval_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_dataloader = dict(
    **eval_dataloader,
    dataset=dict(**dataset, split='val', num_images=100, pipeline=test_pipeline),
)
test_dataloader = dict(
    **eval_dataloader,
    dataset=dict(**dataset, split='test', num_images=500, pipeline=test_pipeline),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
