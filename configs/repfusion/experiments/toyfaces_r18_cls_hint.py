# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces, distilled while the task is learned. Squared error of the global averages.
# Official on CIFAR-10 and Tiny-ImageNet.
# Result: not measured; a step of 16 images takes 191 ms on two CPU cores (142 ms without
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
                    type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0
                ),  # official
            )
        ],
    ),
)
