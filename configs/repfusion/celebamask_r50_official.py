# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# celebamask_r50.py with the official code's teacher side: the residual branch before the skip is
# added, fed with the student's ImageNet-normalized tensor; and flips that ignore left and right.
# Result: never run at full size (160,000 iterations).
_base_ = './celebamask_r50.py'
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone.context_path.backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10.0),
            )
        ],
        teacher_input='student',
    ),
)
_base_.train_pipeline[4].update(type='RandomFlip')
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
