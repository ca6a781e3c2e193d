# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 learns the features of ADM without classes, a diffusion model of ImageNet at 256 px.
# Officially in fp16:
#   --amp --cfg-options optim_wrapper.loss_scale=512.0
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/imagenet_image_256.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/teachers/adm_256_uncond.py',
]
log_processor = dict(by_epoch=True)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
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
    dict(type='EMAHook', momentum=0.001),  # official
]
