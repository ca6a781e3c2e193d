# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Official: SGD lr 0.005, momentum 0.9, weight decay 5e-4, poly 0.9 down to 1e-4, warm-up 1,000 its.
max_iters = 160000
warmup_iters = 1000
val_interval = 16000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.005, momentum=0.9, weight_decay=0.0005),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup_iters, by_epoch=False),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=1e-4,
        begin=warmup_iters,
        end=max_iters,
        by_epoch=False,
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=val_interval)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook',
        by_epoch=False,
        interval=val_interval,
        max_keep_ckpts=2,
        save_best='mIoU',
    ),
    visualization=dict(type='SegVisualizationHook'),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
