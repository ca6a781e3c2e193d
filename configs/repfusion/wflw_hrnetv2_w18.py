# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on WFLW in one run: HRNetV2-W18 learns its task and, in the same steps, the features of
# a diffusion model of faces. The paper's two stages: distill_celebahq_hrnet_w18.py, then
# wflw_hrnetv2_w18_finetune.py.
# Result: never run at full size.
_base_ = [
    '../_base_/models/heatmap_hrnetv2_w18.py',
    '../_base_/datasets/wflw_256.py',
    '../_base_/schedules/adam_60e.py',
    '../_base_/runtime/mmpose.py',
]
model = dict(head=dict(decoder=_base_.codec))
train_dataloader = dict(batch_size=128)  # official, on each of 2 GPUs
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='google/ddpm-ema-celebahq-256',
        pairs=[
            dict(
                # In stage 1 a trained neck fuses the scales; here each gets its connector.
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='mid',  # official: module:mid_block.resnets.1.conv2, before the skip
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),  # official
        noise='none',  # official: the clean image
        teacher_batch=16,  # less memory; the features are the same
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),  # official
    ),
)
