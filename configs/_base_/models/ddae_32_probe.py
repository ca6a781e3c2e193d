# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A linear probe of a small diffusion model of 32 px images, such as configs/ddpm trains.
_base_ = './ddae_probe.py'
model = dict(
    backbone=dict(taps=['dec.1'], timesteps=[50]),
    neck=[
        dict(type='mmdiffrep.PoolFlatten', in_channels=[128], pool=2),
        dict(type='ClsBatchNormNeck', input_features=512),  # official: features as they are
    ],
    head=dict(in_channels=512),
)
