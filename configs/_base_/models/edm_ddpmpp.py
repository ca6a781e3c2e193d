# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The network of ddpm_ddpmpp.py in the formulation of EDM, with DDAE's values.
_base_ = './ddpm_ddpmpp.py'
model = dict(
    type='mmdiffrep.EDM',
    unet=dict(dropout=0.13),
    scheduler=dict(
        _delete_=True, sigma_data=0.5, sigma_min=0.002, sigma_max=80.0, num_train_timesteps=18
    ),
    p_mean=-1.2,
    p_std=1.2,
)
