# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official stage 1 on CIFAR-10 with relational distillation in place of the hint.
# Result: never run at full size.
_base_ = './distill_cifar10_r18_official.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(
                    type='mmdiffrep.RelationalLoss',
                    distance_weight=25.0,
                    angle_weight=50.0,
                    loss_weight=1.0,
                ),
                standardize=False,
            )
        ],
    ),
)
