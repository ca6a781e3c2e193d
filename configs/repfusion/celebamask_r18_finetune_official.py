# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on CelebAMask-HQ after the official stage 1, distill_celebahq_r18_official.py, with flips
# that ignore left and right (official).
# Result: never run at full size (160,000 iterations).
_base_ = [
    '../_base_/models/bisenetv1_r18.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
distilled = 'work_dirs/distill_celebahq_r18_official/epoch_200.pth'
model = dict(
    backbone=dict(
        backbone_cfg=dict(
            init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.')
        )
    )
)
_base_.train_pipeline[4].update(type='RandomFlip')
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
