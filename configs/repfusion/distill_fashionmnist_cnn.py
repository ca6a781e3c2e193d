# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, which fashionmnist_cnn_teacher.py trains on labels.
_base_ = ['../_base_/distillation/slim.py', '../_base_/datasets/fashionmnist_train.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/fashionmnist_cnn_teacher.py',
            checkpoint='work_dirs/fashionmnist_cnn_teacher/iter_300.pth',
        ),
        pairs=[dict(student='backbone', teacher='backbone', loss=_base_.hint, standardize=True)],
    ),
]
