# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: distils the shipped diffusion model into a ResNet-18 backbone, on faces without labels.
# Its result is loaded by toyfaces_r18.py (segmentation), toyfaces_r18_pose.py and _cls.py.
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/toyfaces_image_64.py',
    '../_base_/schedules/distill_300.py',
    '../_base_/runtime/mmseg.py',
]
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher='mmdiffrep://toyfaces_ddpm_64',
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
    ),
]
