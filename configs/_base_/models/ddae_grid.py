# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# One linear probe for every res block of the way out and every t of DDAE's grid, trained together.
_base_ = './ddae_probe.py'
grid = dict(
    taps=[f'ddae:{n}' for n in range(1, 13)],
    timesteps=[0, 10, 20],  # official: 1, 11 and 21, counted from 1
)
model = dict(
    backbone=grid,
    head=dict(
        _delete_=True,
        type='mmdiffrep.MultiProbeHead',
        num_classes=10,
        in_channels=[256] * 9 + [128] * 3,
        shown='t10/ddae:6',
        **grid,
    ),
)
