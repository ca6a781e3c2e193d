# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_imagenet_r18.py with the official code's teacher side and timesteps.
# Result: never run at full size.
_base_ = './distill_imagenet_r18.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone',
                teacher='module:middle_block.2.out_layers.3',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
                standardize=False,
            )
        ],
        policy=dict(high=1000),
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
)
