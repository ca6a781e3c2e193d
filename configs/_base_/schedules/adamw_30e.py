# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Fine-tuning of a whole denoiser: AdamW, a warm-up of an epoch, then a cosine. DDAE's own settings
# were never released.
max_epochs = 30
auto_scale_lr = dict(base_batch_size=128)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    # 1e-4 for what is trained already
    paramwise_cfg=dict(
        norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys={'backbone': dict(lr_mult=0.1)}
    ),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - 1,
        by_epoch=True,
        begin=1,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
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
