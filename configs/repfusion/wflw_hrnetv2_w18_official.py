# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# wflw_hrnetv2_w18.py with the official code's teacher side: the residual branch before the skip is
# added, fed with the student's ImageNet-normalized tensor.
# Result: never run at full size.
_base_ = './wflw_hrnetv2_w18.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        teacher_input='student',
    ),
)
