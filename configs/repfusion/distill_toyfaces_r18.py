# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1: distils the shipped diffusion model into a ResNet-18 backbone, on faces without labels.
# Its result is loaded by toyfaces_r18.py (segmentation), toyfaces_r18_pose.py and _cls.py.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/toyfaces_image_64.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, **_base_.fixed, teacher='mmdiffrep://toyfaces_ddpm_64'),
]
