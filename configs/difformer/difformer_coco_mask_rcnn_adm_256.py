# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Mask R-CNN on COCO: a frozen diffusion model as the backbone, mmdet's own FPN, heads and data.
# Result: never run at full size.
_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50_fpn.py',
    'mmdet::_base_/datasets/coco_instance.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/models/pyramid_adm_256.py',
    '../_base_/runtime/mmdet.py',
]
model = dict(
    data_preprocessor=dict(mean=_base_.pixel_mean, std=_base_.pixel_std),
    backbone=dict(_delete_=True, **_base_.pyramid_backbone),
    neck=[_base_.pyramid_neck, dict(_base_.model.neck, in_channels=[256] * 4)],
)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
)
# or a resumed run would not be the same bit for bit
train_dataloader = dict(persistent_workers=False)
log_processor = dict(by_epoch=True)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=1, max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
