# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_celebahq_r18.py with the official code's teacher side (the residual branch before the skip
# is added, fed with the student's ImageNet-normalized tensor) and images: all 30,000, with the
# validation and test splits. The official precision is fp16: --amp --cfg-options
# optim_wrapper.loss_scale=512.0
# Result: never run at full size.
_base_ = './distill_celebahq_r18.py'
train_dataloader = dict(dataset=dict(ann_file=''))
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0),
            )
        ],
        teacher_input='student',
    ),
)
