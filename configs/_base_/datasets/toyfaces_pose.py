# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 98 landmarks in the order of WFLW on drawn faces, 64 px: no files, no download.
num_labeled = 256  # train on the first N faces only; None: all
# Heat maps of a quarter of the input, as a ResNet with mmpose's three deconvolutions gives them.
codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1, unbiased=True)

train_pipeline = [
    dict(type='mmdiffrep.LoadToyFace', cache=True),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, rotate_factor=60, scale_factor=(0.75, 1.25)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='mmdiffrep.LoadToyFace', cache=True),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# Drawn larger than the input, so that the crop of the face is sharp.
dataset = dict(type='mmdiffrep.ToyFacesDataset', task='pose', image_size=96)
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
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
val_dataloader = dict(
    **eval_dataloader,
    dataset=dict(**dataset, split='val', num_images=100, test_mode=True, pipeline=test_pipeline),
)
test_dataloader = dict(
    **eval_dataloader,
    dataset=dict(**dataset, split='test', num_images=500, test_mode=True, pipeline=test_pipeline),
)
# Relative to the distance between the outer eye corners, as on WFLW.
val_evaluator = dict(type='mmdiffrep.VisibleNME', norm_mode='keypoint_distance')
test_evaluator = val_evaluator
