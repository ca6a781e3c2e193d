# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Official schedule of GDC and DifFormer: 28 epochs of plain SGD, a tenth after every 7.
max_epochs = 28
auto_scale_lr = dict(base_batch_size=128)  # official: 32 on each of 4 GPUs
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.0, weight_decay=0.0)
)
param_scheduler = [dict(type='StepLR', step_size=7, gamma=0.1, by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=7)
val_cfg = dict()
test_cfg = dict()
log_processor = dict(by_epoch=True)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=1, max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
)
