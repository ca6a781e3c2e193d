# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two on CIFAR-10: the baseline, its backbone loaded from stage 1.
# After another stage 1, such as the official one: --cfg-options
#   model.backbone.init_cfg.checkpoint=work_dirs/distill_cifar10_mbv2_official/epoch_200.pth
# Result: never run at full size.
_base_ = './cifar10_mbv2_scratch.py'
distilled = 'work_dirs/distill_cifar10_mbv2/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
