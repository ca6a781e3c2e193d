# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on drawn faces by CleanDIFT's recipe (Stracke et al., 2025): the student sees the clean
# image and learns the teacher's features at three timesteps at once, through connectors
# with the timestep as an input; negative cosine.
# Changed: the student is a CNN, not a copy of the U-Net; three maps (11), 300 iterations of 16
# images (400 of 8).
# Result: not measured at full length; runs in tests.
_base_ = '../distill_toyfaces_r18.py'
_cosine = dict(type='mmdiffrep.DenseFeatureLoss', distance='cosine')
_told = dict(type='mmdiffrep.TimestepConnector', depth=3)
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(student='backbone[3]', teacher='mid', loss=_cosine, connector=_told),
            dict(student='backbone[2]', teacher='dec.1', loss=_cosine, connector=_told),
            dict(student='backbone[1]', teacher='dec.3', loss=_cosine, connector=_told),
        ],
        policy=dict(_delete_=True, type='mmdiffrep.StratifiedTimestep', bins=3),
    ),
)
