# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on real faces (CelebAMask-HQ at 64 px, 65 labeled images): fine-tunes the distilled
# backbone. Run ../ddpm/ddpm_celebamask_64.py and distill_celebamask_64_r18.py first.
# Result: 34.4 ± 0.7 % mIoU of 100 test images (three seeds), 32.3 ± 0.1 from random weights; 300
# iterations.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/celebamask_64.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
distilled = 'work_dirs/distill_celebamask_64_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
