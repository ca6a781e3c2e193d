# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, the maps from which face68_r18_scratch.py reads its heat maps: a hint of
# FitNet from a teacher that has the landmarks of the labeled images.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/face_landmarks_68_image.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/face68_r18_scratch.py',
            checkpoint='work_dirs/face68_r18_scratch/iter_300.pth',
        ),
        pairs=[dict(**_base_.pair, teacher='head.deconv_layers')],
    ),
]
