# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on CelebAMask-HQ in one run: BiSeNetV1 R50 learns its task and, in the same steps, the
# features of a diffusion model of faces. The paper's two stages: distill_celebahq_r50.py, then
# celebamask_r50_finetune.py.
# Result: never run at full size (160,000 iterations); the first six, on 800 images, are in
# docs/lab_notes.md.
_base_ = [
    '../_base_/models/bisenetv1_r50.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
train_dataloader = dict(batch_size=4)  # official
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-ema-celebahq-256',
        pairs=[
            dict(
                student='backbone.context_path.backbone',
                teacher='mid',  # official: module:mid_block.resnets.1.conv2, before the skip
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),  # official
        noise='none',  # official: the clean image
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),  # official
    ),
)
