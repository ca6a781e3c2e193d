# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# SPair-71k with Stable Diffusion 1.5 and DINOv2 joined (Zhang et al., "A Tale of Two Features"):
# three taps at 960 px and t = 100, reduced to 256 joint components each, and ViT-B/14 at 840 px.
# The official code takes the features of ODISE, with its captioner; here the prompt is empty.
# Result: never run at full size.
_base_ = './spair71k_sd21.py'
model = dict(
    matcher=dict(
        _delete_=True,
        model='stable-diffusion-v1-5/stable-diffusion-v1-5',
        taps=['dec.2@in', 'dec.5@in', 'dec.8@in'],
        timesteps=[100],
        size=960,
        join='joint_pca',
        encoder=dict(
            size=840,
            normalization=dict(
                mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channel_order='rgb'
            ),
            backbone=dict(
                type='mmpretrain.VisionTransformer',
                arch='base',
                img_size=518,
                patch_size=14,
                layer_scale_init_value=1e-5,
                out_type='featmap',
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint='https://download.openmmlab.com/mmpretrain/v1.0/dinov2/'
                    'vit-base-p14_dinov2-pre_3rdparty_20230426-ba246503.pth',
                    prefix='backbone.',
                ),
            ),
        ),
    ),
    prompt=None,
)
