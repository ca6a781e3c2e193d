# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on real faces at 64 px: distils the model that ../ddpm/ddpm_face68_64.py trained into a
# ResNet-18 backbone, on images without labels. Its result is loaded by face68_r18.py.
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/face_landmarks_68_image.py',
    '../_base_/schedules/distill_300.py',
    '../_base_/runtime/mmseg.py',
]
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher='work_dirs/ddpm_face68_64/denoiser',
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
    ),
]
