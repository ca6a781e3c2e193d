# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The head of toyfaces_r18_slim_scratch.py on three frozen maps of the shipped diffusion model, with
# the same labels: the teacher of soft labels in distill_toyfaces_r18_slim_soft.py.
# Result: see "Does a teacher pay?" in docs/results.md; 600 iterations.
_base_ = './toyfaces_r18_slim_scratch.py'
_pixels = _base_.model.data_preprocessor
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdiffrep.DPMBackbone',
        denoiser='mmdiffrep://toyfaces_ddpm_64',
        taps=['dec.5', 'dec.3', 'dec.1'],
        timesteps=[50],
        noise=dict(type='shared', seed=0),
        input=dict(mean=_pixels.mean, std=_pixels.std, channel_order='rgb'),
        precision='bfloat16',
    ),
    decode_head=dict(in_channels=[64, 128, 160], in_index=[0, 1, 2]),
)
max_iters = 600
_base_.param_scheduler[0].update(end=30)
_base_.param_scheduler[1].update(begin=30, end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
