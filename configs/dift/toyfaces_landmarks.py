# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Landmarks of drawn faces, matched by the shipped diffusion model, no download.
# Result: PCK@0.1 47.0, 43.7 and 48.9 (three seeds of 60 pairs; same position 27.5, 24.0, 27.4),
# 20 s on a CPU core.
_base_ = '../_base_/runtime/mmpose.py'
model = dict(
    type='mmdiffrep.PointMatcher',
    matcher=dict(
        model='mmdiffrep://toyfaces_ddpm_64',
        taps=['dec.1', 'dec.2', 'dec.3', 'dec.5'],
        timesteps=[1],
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdiffrep.LandmarkPairs',
        num_pairs=60,
        seed=0,
        warp=False,
        dataset=dict(
            type='mmdiffrep.ToyFacesDataset',
            split='test',
            num_images=500,
            task='pose',
            pipeline=[dict(type='mmdiffrep.LoadToyFace')],
        ),
    ),
)
test_evaluator = dict(type='mmdiffrep.PCK', alphas=(0.05, 0.1), thresholds=('box', 'image'))
test_cfg = dict(type='TestLoop')
