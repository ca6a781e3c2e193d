# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on real faces at 64 px: fine-tunes the distilled backbone on a few labeled images. Run
# ../ddpm/ddpm_celebamask_64.py and distill_celebamask_64_r18.py first.
_base_ = './celebamask_64_r18_scratch.py'
distilled = 'work_dirs/distill_celebamask_64_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
