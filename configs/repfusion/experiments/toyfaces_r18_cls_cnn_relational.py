# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces, distilled while the task is learned. A CNN as the teacher: RKD. First:
# python tools/train.py configs/repfusion/toyfaces_r18_cls_scratch.py
# Result: not measured; a step of 16 images takes 150 ms on two CPU cores (142 ms without
# distillation).
_base_ = [
    '../../_base_/models/classifier_r18_64.py',
    '../../_base_/datasets/toyfaces_cls.py',
    '../../_base_/schedules/adamw_300.py',
    '../../_base_/runtime/mmpretrain.py',
]
default_hooks = dict(
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/toyfaces_r18_cls_scratch.py',
            checkpoint='work_dirs/toyfaces_r18_cls_scratch/iter_300.pth',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='backbone',
                loss=dict(type='mmdiffrep.RelationalLoss'),
            )
        ],
    ),
)
