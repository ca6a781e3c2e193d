# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: HRNetV2-W18 learns a diffusion model's features on CelebA-HQ, without
# labels. Its scales are fused to 2048 channels (official); stage 2 uses the backbone alone.
# Result: never run at full size.
_base_ = [
    '../_base_/models/student_hrnetv2_w18.py',
    '../_base_/datasets/celebahq_image_256.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmseg.py',
]
train_dataloader = dict(batch_size=32)  # official, on each of 2 GPUs
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-ema-celebahq-256',
        pairs=[
            dict(
                student='neck',
                teacher='mid',  # official: module:mid_block.resnets.1.conv2, before the skip
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),  # official
        noise='none',  # official: the clean image
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),  # official
    ),
)
