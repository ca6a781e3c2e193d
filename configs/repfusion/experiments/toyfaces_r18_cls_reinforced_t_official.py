# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces, distilled while the task is learned. The official policy: 1000 actions,
# without a baseline.
# Result: not measured; a step of 16 images takes 192 ms on two CPU cores (142 ms without
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
        teacher='mmdiffrep://toyfaces_ddpm_64',
        pairs=[
            dict(
                student='backbone',
                teacher='mid',
                loss=dict(type='mmdiffrep.PooledFeatureLoss'),
            )
        ],
        policy=dict(type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1),
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=10),
)
