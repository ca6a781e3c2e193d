# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 after the official stage 1, with flips that ignore left and right, as officially.
_base_ = './celebamask_r50_finetune.py'
distilled = 'work_dirs/distill_celebahq_r50_official/epoch_200.pth'
model = dict(backbone=dict(backbone_cfg=dict(init_cfg=dict(checkpoint=distilled))))
_base_.train_pipeline[4].update(type='RandomFlip')
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
