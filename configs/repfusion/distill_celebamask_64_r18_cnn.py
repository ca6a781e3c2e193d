# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, the maps that the head of celebamask_64_r18_scratch.py classifies: a hint of
# FitNet from a teacher that has the masks of the labeled images.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/celebamask_image_64.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/celebamask_64_r18_scratch.py',
            checkpoint='work_dirs/celebamask_64_r18_scratch/iter_300.pth',
        ),
        pairs=[dict(**_base_.pair, teacher='decode_head.convs')],
    ),
]
