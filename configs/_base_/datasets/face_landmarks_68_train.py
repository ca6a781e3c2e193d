# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# All training images of face_landmarks_68.py with their landmarks, without turning and scaling.
_base_ = './face_landmarks_68.py'
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        indices=None,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='GetBBoxCenterScale', padding=1.5),
            dict(type='RandomFlip', direction='horizontal'),
            dict(type='TopdownAffine', input_size=_base_.codec['input_size']),
            dict(type='GenerateTarget', encoder=_base_.codec),
            dict(type='PackPoseInputs'),
        ],
    ),
)
val_dataloader = None
val_evaluator = None
test_dataloader = None
test_evaluator = None
