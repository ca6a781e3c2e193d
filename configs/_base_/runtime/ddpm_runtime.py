# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
default_scope = 'mmengine'
randomness = dict(seed=0)
env_cfg = dict(cudnn_benchmark=True)
log_level = 'INFO'
log_processor = dict(by_epoch=False, window_size=100)
load_from = None
resume = False
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', interval=500, by_epoch=False, max_keep_ckpts=2
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    # decay 0.999, and less in the beginning: steps / (steps + 10)
    dict(type='mmdiffrep.StepEMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=10),
    dict(type='mmdiffrep.SampleGridHook', interval=500),
    dict(type='mmdiffrep.ExportDenoiserHook', interval=500),
]
