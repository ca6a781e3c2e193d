# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on Fashion-MNIST: the baseline, its backbone loaded from stage 1.
# Another stage 1: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_fashionmnist_r18_uniform/iter_300.pth
# Result: 77.39 ± 1.14 % top-1 of 10,000 test images with all labels (three seeds), 77.05 ± 0.80
# from random weights; 300 iterations.
_base_ = './fashionmnist_r18_scratch.py'
distilled = 'work_dirs/distill_fashionmnist_r18_reinforced/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
