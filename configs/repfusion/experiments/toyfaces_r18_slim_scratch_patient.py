# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# toyfaces_r18_slim_scratch.py for about as long as distillation and fine-tuning take together.
# Result: see "Does a teacher pay?" in docs/results.md; 5,000 iterations.
_base_ = './toyfaces_r18_slim_scratch.py'
max_iters = 5000
_base_.param_scheduler[0].update(end=250)
_base_.param_scheduler[1].update(begin=250, end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
