# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = './ddpm_epochs.py'
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(interval=500, by_epoch=False))
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    # decay 0.999, and less in the beginning: steps / (steps + 10)
    dict(type='mmdiffrep.StepEMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=10),
    dict(type='mmdiffrep.SampleGridHook', interval=500),
    dict(type='mmdiffrep.ExportDenoiserHook', interval=500),
]
