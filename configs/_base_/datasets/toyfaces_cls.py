# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# One attribute of drawn faces, 64 px: no files, no download. The number of classes is that of
# the attribute in mmdiffrep.datasets.toyfaces.ATTRIBUTES.
num_labeled = 256  # train on the first N faces only; None: all
attribute = 'glasses'

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True, num_classes=3
)
train_pipeline = [
    dict(type='mmdiffrep.LoadToyFace', cache=True),
    dict(type='RandomCrop', crop_size=64, padding=4, padding_mode='edge'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),  # not for 'pose' and 'light'
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='mmdiffrep.LoadToyFace', cache=True), dict(type='PackInputs')]

dataset = dict(type='mmdiffrep.ToyFacesDataset', task='cls', attribute=attribute, image_size=64)
train_dataloader = dict(
    batch_size=32,
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
    batch_size=32,
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
# Most faces have the first class, so the mean over the classes is reported as well.
val_evaluator = [
    dict(type='Accuracy', topk=(1,)),
    dict(type='SingleLabelMetric', items=('precision', 'recall', 'f1-score')),
]
test_evaluator = val_evaluator
