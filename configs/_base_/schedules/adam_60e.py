# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Official: 60 epochs of Adam lr 2e-3, a tenth after 40 and 55, warm-up over 500 iterations.
max_epochs = 60
warmup_iters = 500
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=warmup_iters, by_epoch=False),
    dict(type='MultiStepLR', milestones=[40, 55], gamma=0.1, by_epoch=True),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=True)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=5, max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
