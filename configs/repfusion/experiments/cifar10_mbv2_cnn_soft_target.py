# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# cifar10_mbv2.py with a CNN as the teacher: its class probabilities.
# First: python tools/train.py configs/repfusion/cifar10_r18_scratch.py
# Result: never run at full size.
_base_ = '../cifar10_mbv2_scratch.py'
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
                student='head.fc',
                teacher='head.fc',
                loss=dict(type='mmdiffrep.SoftTargetLoss', temperature=4.0),
            )
        ],
    ),
)
