# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_cifar10_small_r18_fixed.py with the official teacher side.
# Result: not measured.
_base_ = './distill_cifar10_small_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
            )
        ],
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
)
