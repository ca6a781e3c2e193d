# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 of the paper's two on CelebAMask-HQ: the baseline, its context path loaded from stage 1,
# distill_celebahq_r18.py.
# Result: never run at full size (160,000 iterations).
_base_ = [
    '../_base_/models/bisenetv1_r18.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
distilled = 'work_dirs/distill_celebahq_r18/epoch_200.pth'
model = dict(
    backbone=dict(
        backbone_cfg=dict(
            init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.')
        )
    )
)
