# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on real faces (68-point faces at 64 px, 100 labeled faces): fine-tunes the distilled
# backbone. Run ../ddpm/ddpm_celebamask_64.py and distill_face68_64_r18.py first.
# Result: 9.26 ± 0.04 % NME of 610 test faces (three seeds), 9.99 ± 0.21 from random weights; 300
# iterations.
_base_ = './face68_r18_scratch.py'
distilled = 'work_dirs/distill_face68_64_r18/iter_300.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.'))
)
