# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on real faces at 64 px: distils a diffusion model into a ResNet-18 backbone, on images
# without labels. As in the paper the teacher knows other faces, from ../ddpm/ddpm_celebamask_64.py;
# ../ddpm/ddpm_face68_64.py would train one on these. The result is loaded by face68_r18.py.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/face_landmarks_68_image.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, **_base_.fixed, teacher='work_dirs/ddpm_celebamask_64/denoiser'),
]
