# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# WFLW, 98 landmarks: heat maps of 64 px from crops of 256 px, with RepFusion's official values,
# which are mmpose's. There is no validation split; nothing is selected by the test set.
# (Not named wflw.py: mmpose looks for its definition of the points under that path.)
# Another place: --cfg-options train_dataloader.dataset.data_root=DIR
#   val_dataloader.dataset.data_root=DIR test_dataloader.dataset.data_root=DIR
data_root = 'data/wflw'
num_labeled = None  # train on the first N faces only; None: all
codec = dict(type='MSRAHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=2)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    # A truncated normal distribution; in mmpose 0.x this was rot_factor=30, scale_factor=0.25.
    dict(type='RandomBBoxTransform', shift_prob=0, rotate_factor=60, scale_factor=(0.75, 1.25)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

dataset = dict(type='WFLWDataset', data_root=data_root, data_prefix=dict(img='WFLW_images/'))
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=False,  # or a resumed run would not be the same bit for bit
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        ann_file='annotations/face_landmarks_wflw_train.json',
        indices=num_labeled,
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        **dataset,
        ann_file='annotations/face_landmarks_wflw_test.json',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_dataloader = test_dataloader
# Relative to the distance between the outer eye corners; of all faces and of the six subsets.
test_evaluator = dict(type='mmdiffrep.SubsetNME', norm_mode='keypoint_distance')
val_evaluator = test_evaluator
