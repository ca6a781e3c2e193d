# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs of epochs; the schedule has the hooks.
default_scope = 'mmengine'
randomness = dict(seed=0)
env_cfg = dict(cudnn_benchmark=True)
log_level = 'INFO'
log_processor = dict(by_epoch=True, window_size=100)
load_from = None
resume = False
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', interval=100, by_epoch=True, max_keep_ckpts=2
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
)
