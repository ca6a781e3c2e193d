# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on Fashion-MNIST: all stages together predict the maps of the teacher's decoder, of images
# noised to t = 50.
# Result: 78.44 ± 0.97 % top-1 of 10,000 test images with all labels (three seeds) after
# fashionmnist_r18_finetune.py; 77.05 ± 0.80 from random weights.
_base_ = './distill_fashionmnist_r18_fixed.py'
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
