# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Official schedule of DDAE's probes: 15 epochs of Adam, cosine epoch by epoch.
max_epochs = 15
auto_scale_lr = dict(base_batch_size=128)  # official: 1e-3 for each GPU of 128 images
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=1, max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
)
