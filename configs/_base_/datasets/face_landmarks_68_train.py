# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# All training images of face_landmarks_68.py with their landmarks: the very pixels that
# face_landmarks_68_image.py gives, whole files without rotation and scaling.
codec = dict(
    type='MSRAHeatmap', input_size=(128, 128), heatmap_size=(16, 16), sigma=1, unbiased=True
)
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.FaceLandmarkCsvDataset',
        data_root='data/face_landmarks_68',
        ann_file='train.csv',
        indices=None,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='GetBBoxCenterScale'),  # RandomFlip asks for it
            dict(type='RandomFlip', direction='horizontal'),
            dict(type='GenerateTarget', encoder=codec),  # heat maps of points in the file's pixels
            dict(type='Resize', scale=(64, 64), interpolation='area'),
            dict(type='PackPoseInputs'),
        ],
    ),
)
