# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on real faces at 64 px: distills a diffusion model into a ResNet-18 backbone, on images
# without labels. As in the paper the teacher was trained on other faces
# (../ddpm/ddpm_celebamask_64.py); ../ddpm/ddpm_face68_64.py would train one on these. The result
# is loaded by face68_r18.py.
# Result: 9.26 ± 0.04 % NME of 610 test faces (three seeds) after face68_r18.py; 9.99 ± 0.21 from
# random weights.
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/face_landmarks_68_image.py',
    '../_base_/schedules/distill_300.py',
    '../_base_/runtime/mmseg.py',
]
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='work_dirs/ddpm_celebamask_64/denoiser',
        pairs=[
            dict(
                # All stages of the student together predict one map of the teacher.
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
    ),
)
