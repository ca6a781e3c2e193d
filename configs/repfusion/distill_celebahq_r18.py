# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns a diffusion model's features on CelebA-HQ, without
# labels.
# Result: never run at full size.
_base_ = [
    '../_base_/models/student_r50.py',
    '../_base_/datasets/celebahq_image_256.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmseg.py',
]
model = dict(backbone=dict(depth=18))
train_dataloader = dict(batch_size=16)  # official, on each of 4 GPUs
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-ema-celebahq-256',
        pairs=[
            dict(
                student='backbone',
                teacher='mid',  # official: module:mid_block.resnets.1.conv2, before the skip
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),  # official
        noise='none',  # official: the clean image
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),  # official
    ),
)
