# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on the CIFAR-10 subset: all stages together predict the maps of the teacher's decoder, of
# images noised to t = 50.
# Result: not measured.
_base_ = './distill_cifar10_small_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student=[
                    'backbone.layer1',
                    'backbone.layer2',
                    'backbone.layer3',
                    'backbone.layer4',
                ],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        noise='fresh',
    ),
)
