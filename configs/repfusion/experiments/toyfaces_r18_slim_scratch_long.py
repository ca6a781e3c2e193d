# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# toyfaces_r18_slim_scratch.py for as long as distillation and fine-tuning take together.
# Result: see "Does a teacher pay?" in docs/results.md; 1,500 iterations.
_base_ = './toyfaces_r18_slim_scratch.py'
max_iters = 1500
_base_.param_scheduler[0].update(end=75)
_base_.param_scheduler[1].update(begin=75, end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
