# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces, distilled while the task is learned. Absolute error of every pixel.
# Official for faces, ResNet-50.
# Result: not measured; a step of 16 images takes 203 ms on two CPU cores (142 ms without
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
                loss=dict(
                    type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0
                ),  # official
            )
        ],
    ),
)
