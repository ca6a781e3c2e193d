# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Landmarks of drawn faces, matched by the shipped diffusion model: PCK@0.1 42.6 (three seeds of 60
# pairs: 42.2, 42.9, 42.8), same position 24.7, best RGB patch 17; 10 s on a CPU core, no download.
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
