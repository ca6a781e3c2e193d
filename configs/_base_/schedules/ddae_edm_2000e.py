# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# As ddae_ddpm_2000e.py, with DDAE's values for EDM.
_base_ = './ddae_ddpm_2000e.py'
warmup_epochs = 200
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / warmup_epochs, by_epoch=True, end=warmup_epochs)
]
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.StepEMAHook',
        ema_type='mmdiffrep.ForeachEMA',
        momentum=0.0007,
        gamma=1,
        power=2 / 3,
    ),
    dict(type='mmdiffrep.SampleGridHook', interval=10000, num_inference_steps=18, sampler='heun'),
    dict(type='mmdiffrep.ExportDenoiserHook', interval=10000),
]
