# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# cifar10_r18.py with a CNN as the teacher: its relations between images.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
# Result: never run at full size.
_base_ = '../cifar10_r18_scratch.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/cifar10_r18_scratch.py',
            checkpoint='work_dirs/cifar10_r18_scratch/epoch_200.pth',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='backbone',
                loss=dict(type='mmdiffrep.RelationalLoss'),
            )
        ],
    ),
)
