# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Segmentation of drawn faces, 64 labeled ones, without a teacher: the ResNet-18 of
# ../toyfaces_r18_scratch.py with a quarter of its width (0.7 M parameters), batches of 8, and the
# learning rate that was best on validation.
# Result: see "Does a teacher pay?" in docs/results.md; 2,500 iterations.
_base_ = [
    '../../_base_/models/fcn_r18_64.py',
    '../../_base_/datasets/toyfaces_seg.py',
    '../../_base_/schedules/adamw_300.py',
    '../../_base_/runtime/mmseg.py',
]
model = dict(
    backbone=dict(stem_channels=16, base_channels=16),
    decode_head=dict(in_channels=[16, 32, 64, 128]),
)
train_dataloader = dict(batch_size=8)
max_iters = 2500
optim_wrapper = dict(optimizer=dict(lr=8e-3))
_base_.param_scheduler[0].update(end=125)
_base_.param_scheduler[1].update(begin=125, end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
