# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's training of diffusion models on 4 processes. With another number of them scale batch_size
# or accumulative_counts, and leave the rate.
optim_wrapper = dict(
    type='AmpOptimWrapper',
    optimizer=dict(type='Adam', lr=4e-4),  # 1e-4 a process
    clip_grad=dict(max_norm=1.0),
)
warmup_epochs = 13
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / warmup_epochs, by_epoch=True, end=warmup_epochs)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2000, val_interval=2000)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.StepEMAHook',
        ema_type='mmdiffrep.ForeachEMA',
        momentum=0.0001,
        gamma=1,
        power=2 / 3,
    ),
    dict(type='mmdiffrep.SampleGridHook', interval=10000),
    dict(type='mmdiffrep.ExportDenoiserHook', interval=10000),
]
