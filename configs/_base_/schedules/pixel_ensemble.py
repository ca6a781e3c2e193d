# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's training of the pixel classifiers; members stop by themselves, so there is no length.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3, fused=True),  # official: Adam, 1e-3
)
train_cfg = dict(
    type='mmdiffrep.PixelTrainLoop',
    max_epochs=100,  # official
    batch_size=64,  # official
    min_class_pixels=20,  # official, at 256 px
)
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=500, log_metric_by_epoch=False),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook',
        by_epoch=False,
        interval=5000,
        max_keep_ckpts=1,
        save_param_scheduler=False,  # there is none
    ),
    visualization=dict(type='SegVisualizationHook'),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
)
