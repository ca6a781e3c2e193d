# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Distils while it learns a task, drawn faces with glasses or without: what the configs of
# repfusion/variants have in common. Each completes `repfusion`, or `cnn` with a CNN as the teacher,
# and appends it to the hooks.
_base_ = [
    '../models/classifier_r18_64.py',
    '../datasets/toyfaces_cls.py',
    '../schedules/adamw_300.py',
    '../runtime/mmpretrain.py',
]
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
repfusion = dict(type='mmdiffrep.RepFusionHook', teacher='mmdiffrep://toyfaces_ddpm_64')
policy_log = dict(type='mmdiffrep.PolicyLogHook', interval=10)
layers = dict(student='backbone', teacher='mid')
hint = dict(**layers, loss=dict(type='mmdiffrep.PooledFeatureLoss'))
# Train it first: python tools/train.py configs/repfusion/toyfaces_r18_cls_scratch.py
cnn = dict(
    type='mmdiffrep.RepFusionHook',
    teacher=dict(
        type='mmdiffrep.HostTeacher',
        config='repfusion/toyfaces_r18_cls_scratch.py',
        checkpoint='work_dirs/toyfaces_r18_cls_scratch/iter_300.pth',
    ),
)
cnn_layers = dict(student='backbone', teacher='backbone')
