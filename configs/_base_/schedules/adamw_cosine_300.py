# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A short run for experiments on CPUs: a slim student at 32 px takes about two minutes on one core.
max_iters = 300
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=20, end=max_iters, eta_min_ratio=0.01, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=max_iters, max_keep_ckpts=1
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
