# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RetinaNet on COCO: a frozen diffusion model as the backbone, mmdet's own FPN, heads and data.
# Result: never run at full size.
_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py',
    'mmdet::_base_/datasets/coco_detection.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    '../_base_/models/pyramid_adm_256.py',
    '../_base_/runtime/mmdet.py',
]
model = dict(
    data_preprocessor=dict(mean=_base_.pixel_mean, std=_base_.pixel_std),
    # RetinaNet has no level of stride 4, so the network can end earlier.
    backbone=dict(_delete_=True, **dict(_base_.pyramid_backbone, taps=['mid', 'dec.4', 'dec.7'])),
    neck=[
        dict(
            _base_.pyramid_neck,
            in_channels=[1024, 1024, 512],
            in_strides=[32, 16, 8],
            out_strides=[8, 16, 32],
        ),
        dict(_base_.model.neck, in_channels=[256] * 3, start_level=0),
    ],
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
