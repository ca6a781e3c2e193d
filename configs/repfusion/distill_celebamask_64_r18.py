# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on real faces at 64 px: distills a diffusion model into a ResNet-18 backbone, on images
# without labels. The teacher is what ../ddpm/ddpm_celebamask_64.py trained. The result is loaded by
# celebamask_64_r18.py.
# Result: 34.4 ± 0.7 % mIoU of 100 test images (three seeds) after celebamask_64_r18.py; 32.3 ± 0.1
# from random weights.
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/celebamask_image_64.py',
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
