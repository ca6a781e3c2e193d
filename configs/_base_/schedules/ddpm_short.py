# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A short run needs the decay: constant after a warm-up, then almost to zero over the last third.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-4, betas=(0.9, 0.999), weight_decay=0.0),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='PolyLR', power=1.0, eta_min=4e-6, by_epoch=False, begin=1300, end=2000),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2000, val_interval=2000)
log_processor = dict(by_epoch=False, window_size=100)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', interval=500, by_epoch=False, max_keep_ckpts=2
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    # decay 0.999, and less in the beginning: steps / (steps + 10)
    ema=dict(
        type='mmdiffrep.StepEMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=10
    ),
    sample_grid=dict(type='mmdiffrep.SampleGridHook', interval=500),
    map_rank=dict(type='mmdiffrep.MapRankHook', interval=500),
    export_denoiser=dict(type='mmdiffrep.ExportDenoiserHook', interval=500),
)
