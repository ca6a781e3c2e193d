# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, the maps that the head of ../celebamask_64_r18_scratch.py classifies: a hint
# of FitNet from a teacher that has the masks of the labeled images.
# Result: 34.1 ± 0.3 % mIoU of 100 test images (three seeds) after celebamask_64_r18.py; 32.3 ± 0.1
# from random weights.
_base_ = '../distill_celebamask_64_r18.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/celebamask_64_r18_scratch.py',
            checkpoint='work_dirs/celebamask_64_r18_scratch/iter_300.pth',
        ),
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='decode_head.convs',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
    ),
)
