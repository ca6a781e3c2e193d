# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN that has the labels, toyfaces_r18_slim_scratch.py.
# Result: see "Does a teacher pay?" in docs/results.md; 1,000 iterations.
_base_ = './distill_toyfaces_r18_slim.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/experiments/toyfaces_r18_slim_scratch.py',
            checkpoint='work_dirs/toyfaces_r18_slim_scratch/iter_2500.pth',
        ),
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='decode_head.convs',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                target='channel',
            )
        ],
    ),
)
