# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 68 landmarks in the order of 300-W on crops of faces, 64 px: small experiments with a few labeled
# faces, on a CPU as well. docs/data_preparation.md shows the layout.
data_root = 'data/face_landmarks_68'
num_labeled = 100  # train on the first N faces only; None: all
# Heat maps of a quarter of the input, as a ResNet with mmpose's three deconvolutions gives them.
codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1, unbiased=True)

train_pipeline = [
    dict(type='LoadImage'),
    # The whole crop: a face's points fill two thirds of it.
    dict(type='GetBBoxCenterScale', padding=1.5),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, rotate_factor=60, scale_factor=(0.75, 1.25)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.5),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

dataset = dict(type='mmdiffrep.FaceLandmarkCsvDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**dataset, ann_file='train.csv', indices=num_labeled, pipeline=train_pipeline),
)
eval_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
# The last rows of the training list, which num_labeled leaves out; the test people are others.
val_dataloader = dict(
    **eval_dataloader,
    dataset=dict(
        **dataset, ann_file='train.csv', indices=-100, test_mode=True, pipeline=test_pipeline
    ),
)
test_dataloader = dict(
    **eval_dataloader,
    dataset=dict(**dataset, ann_file='test.csv', test_mode=True, pipeline=test_pipeline),
)
# Relative to the distance between the outer eye corners.
val_evaluator = dict(type='mmdiffrep.VisibleNME', norm_mode='keypoint_distance')
test_evaluator = val_evaluator
