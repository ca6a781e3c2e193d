# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# tinyimagenet_mbv2.py with a CNN as the teacher: its class probabilities.
# First: python tools/train.py configs/repfusion/tinyimagenet_r18_scratch.py
# Result: never run at full size.
_base_ = '../tinyimagenet_mbv2_scratch.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/tinyimagenet_r18_scratch.py',
            checkpoint='work_dirs/tinyimagenet_r18_scratch/epoch_200.pth',
        ),
        pairs=[
            dict(
                student='head.fc',
                teacher='head.fc',
                loss=dict(type='mmdiffrep.SoftTargetLoss', temperature=4.0),
            )
        ],
    ),
)
