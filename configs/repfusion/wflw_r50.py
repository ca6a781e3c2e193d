# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on WFLW in one run: ResNet-50 learns its task and, in the same steps, the features of a
# diffusion model of faces. The paper's two stages: distill_celebahq_r50.py, then
# wflw_r50_finetune.py.
_base_ = './wflw_r50_scratch.py'
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-ema-celebahq-256',
        pairs=[
            dict(
                student='backbone',
                teacher='mid',  # official: module:mid_block.resnets.1.conv2, before the skip
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),  # official
        noise='none',  # official: the clean image
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),  # official
    ),
]
