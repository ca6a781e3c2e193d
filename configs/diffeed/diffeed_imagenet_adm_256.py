# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFeed on ImageNet, as officially: GDC's attention head behind two passes of ADM.
_base_ = '../gdc/gdc_imagenet_adm_256_attention.py'
model = dict(
    backbone=dict(
        _delete_=True,
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
        input=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    ),
)
train_dataloader = dict(batch_size=4)  # official, on each of 4 GPUs
auto_scale_lr = dict(base_batch_size=16)  # official
optim_wrapper = dict(optimizer=dict(lr=0.01))  # official
