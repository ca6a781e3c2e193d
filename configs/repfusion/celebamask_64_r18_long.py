# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 with as many iterations as celebamask_64_r18_scratch_long.py.
_base_ = './celebamask_64_r18.py'
max_iters = 600
_base_.param_scheduler[1].update(end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
