# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the experiments on faces at 64 px: all stages of a ResNet-18 together predict a map of
# the teacher. A config adds images, a teacher, and one of the ways to choose the timestep.
_base_ = [
    '../models/student_r18_64.py',
    '../schedules/distill_300.py',
    '../runtime/mmseg.py',
    './short_policies.py',
]
pair = dict(
    student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
    loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
    standardize=True,
)
repfusion = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[dict(**pair, teacher='module:up_blocks.1')],
    noise='fresh',
)
# What the official code does for faces and a ResNet-18: celebamask_r18_official.py.
official = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[
        dict(
            student='backbone',
            teacher='module:mid_block.resnets.1.conv2',
            loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0),
        )
    ],
    policy=dict(type='mmdiffrep.FixedTimestep', t=0),
    noise='none',
    teacher_input='student',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
