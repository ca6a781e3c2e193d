# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = './ddae_probe.py'
grid = dict(
    taps=['mid', 'dec.0', 'dec.1', 'dec.2', 'dec.3', 'dec.4', 'dec.5'],
    timesteps=[10, 50, 100, 200],
)
model = dict(
    backbone=grid,
    head=dict(
        _delete_=True,
        type='mmdiffrep.MultiProbeHead',
        num_classes=10,
        standardize=True,  # official: features as they are
        in_channels=[128, 128, 128, 64, 64, 32, 32],
        shown='t50/dec.1',
        **grid,
    ),
)
