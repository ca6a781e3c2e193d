# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, which cifar10_small_r18_cnn_teacher.py trains on labels.
# Result: 44.50 ± 0.64 % top-1 of 5,000 test images (three seeds) after
# cifar10_small_r18_finetune.py; 39.11 ± 0.70 from random weights.
_base_ = './distill_cifar10_small_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/experiments/cifar10_small_r18_cnn_teacher.py',
            checkpoint='work_dirs/cifar10_small_r18_cnn_teacher/iter_300.pth',
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
