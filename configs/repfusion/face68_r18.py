# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on real faces (68 landmarks) at 64 px: fine-tunes the distilled backbone on a few labeled
# faces. Run ../ddpm/ddpm_celebamask_64.py and distill_face68_64_r18.py first.
_base_ = './face68_r18_scratch.py'
distilled = 'work_dirs/distill_face68_64_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
