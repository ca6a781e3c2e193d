# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFeed on ImageNet, official values, 28 epochs: GDC's attention head after two passes of ADM.
# Result: never run at full size.
_base_ = [
    '../_base_/teachers/adm_256_uncond.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.FeedbackDPMBackbone',
        denoiser=_base_.adm_256,
        taps=['gdc:24'],  # official
        feedback={  # official
            'gdc:21': 'gdc:17',
            'gdc:24': 'gdc:14',
            'gdc:27': 'gdc:11',
            'gdc:30': 'gdc:8',
            'gdc:33': 'gdc:5',
            'gdc:36': 'gdc:2',
        },
        timestep=150,  # official
        norm_cfg=dict(type='BN'),  # official; SyncBN or GN do not depend on so small batches
        input=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], channel_order='rgb'),
    ),
    neck=dict(
        type='mmdiffrep.DifFormer',
        in_channels=[1024],
        sides=[16],
        num_timesteps=1,
        embed_dims=1024,
        num_layers=2,
        num_heads=8,
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        topk=(1, 5),
        init_cfg=None,  # torch's initialization
    ),
)
train_dataloader = dict(batch_size=4)  # official, on each of 4 GPUs
auto_scale_lr = dict(base_batch_size=16)  # official
optim_wrapper = dict(optimizer=dict(lr=0.01))  # official
