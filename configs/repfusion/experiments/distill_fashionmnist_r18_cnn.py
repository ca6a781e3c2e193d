# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, which fashionmnist_r18_cnn_teacher.py trains on labels.
# Result: 80.46 ± 1.01 % top-1 of 10,000 test images with all labels (three seeds) after
# fashionmnist_r18_finetune.py; 77.05 ± 0.80 from random weights.
_base_ = './distill_fashionmnist_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/experiments/fashionmnist_r18_cnn_teacher.py',
            checkpoint='work_dirs/fashionmnist_r18_cnn_teacher/iter_300.pth',
        ),
        pairs=[
            dict(
                student='backbone',
                teacher='backbone',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
                standardize=True,
            )
        ],
    ),
)
