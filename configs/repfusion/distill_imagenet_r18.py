# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: ResNet-18 learns the features of ADM without classes, a diffusion model of ImageNet at
# 256 px. The official precision is fp16:
#   --amp --cfg-options optim_wrapper.loss_scale=512.0
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/imagenet_image_256.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_256_uncond.py',
]
model = dict(
    type='mmdiffrep.DistillationStudent',
    data_preprocessor=dict(
        type='ImgDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        non_blocking=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 2),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch',
    ),
)
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=_base_.adm_256,
        pairs=[
            dict(
                student='backbone',
                teacher='mid',  # official: module:middle_block.2.out_layers.3, before the skip
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
                standardize=True,  # official: False
            )
        ],
        policy=dict(type='mmdiffrep.UniformTimestep', high=50),  # official: 1000
        noise='none',  # official: the clean image
    ),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),
)
