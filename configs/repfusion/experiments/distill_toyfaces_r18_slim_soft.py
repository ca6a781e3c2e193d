# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from soft labels, as DreamTeacher's label branch: backbone and head of the student learn
# the class probabilities per pixel (temperature 4) of toyfaces_r18_slim_dpm_head.py.
# Result: see "Does a teacher pay?" in docs/results.md; with 400 iterations.
_base_ = './distill_toyfaces_r18_slim.py'
model = dict(
    neck=dict(
        type='mmseg.FCNHead',
        in_channels=[16, 32, 64, 128],
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=128,
        num_convs=1,
        kernel_size=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=dict(type='BN', requires_grad=True),
    )
)
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/experiments/toyfaces_r18_slim_dpm_head.py',
            checkpoint='work_dirs/toyfaces_r18_slim_dpm_head/iter_600.pth',
        ),
        pairs=[
            dict(
                student='neck',
                teacher='decode_head.conv_seg',
                loss=dict(type='mmdiffrep.DenseSoftTargetLoss', temperature=4.0),
            )
        ],
    ),
)
