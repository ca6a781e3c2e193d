# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# All training images of face_landmarks_68.py with their landmarks: the very pixels that
# face_landmarks_68_image.py gives, whole files without turning and scaling.
_base_ = './face_landmarks_68.py'
file_codec = dict(_base_.codec, input_size=(128, 128))  # heat maps of points in the file's pixels
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        indices=None,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='GetBBoxCenterScale'),  # RandomFlip asks for it
            dict(type='RandomFlip', direction='horizontal'),
            dict(type='GenerateTarget', encoder=file_codec),
            dict(type='Resize', scale=(64, 64), interpolation='area'),
            dict(type='PackPoseInputs'),
        ],
    ),
)
val_dataloader = None
val_evaluator = None
test_dataloader = None
test_evaluator = None
