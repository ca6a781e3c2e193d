# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline celebamask_64_r18_scratch.py with as many iterations as both stages of RepFusion
# together.
# Result: 35.9 ± 0.3 % mIoU of 100 test images (three seeds); 600 iterations.
_base_ = [
    '../../_base_/models/fcn_r18_64.py',
    '../../_base_/datasets/celebamask_64.py',
    '../../_base_/schedules/adamw_300.py',
    '../../_base_/runtime/mmseg.py',
]
max_iters = 600
_base_.param_scheduler[1].update(end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
