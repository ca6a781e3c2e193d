# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces, distilled while the task is learned. Squared error of every pixel.
# Official for faces, ResNet-18.
# Result: not measured; a step of 16 images takes 186 ms on two CPU cores (142 ms without
# distillation).
_base_ = '../toyfaces_r18_cls_scratch.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='mmdiffrep://toyfaces_ddpm_64',
        pairs=[
            dict(
                student='backbone',
                teacher='mid',
                loss=dict(
                    type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0
                ),  # official
            )
        ],
    ),
)
