# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A smoke test of label propagation on real video, DAVIS 2016: 416 x 240 pixels, maps averaged to
# stride 8.
# Result: not ahead of plain colors, as this model was trained on drawn faces; see README.md.
_base_ = '../_base_/runtime/mmpose.py'
model = dict(
    type='mmdiffrep.VideoPropagator',
    matcher=dict(
        model='mmdiffrep://toyfaces_ddpm_64', taps=['dec.2'], timesteps=[1], size=(240, 416)
    ),
    propagation=dict(context=3, radius=5, top_k=10, temperature=0.1),
    stride=16,
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='mmdiffrep.DAVIS', data_root='data/DAVIS', ann_file='ImageSets/480p/val.txt'),
)
test_evaluator = dict(type='mmdiffrep.DavisJF')
test_cfg = dict(type='TestLoop')
