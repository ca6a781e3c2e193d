# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on real faces at 64 px: distils the model that ../ddpm/ddpm_celebamask_64.py trained into
# a ResNet-18 backbone, on images without labels. Its result is loaded by celebamask_64_r18.py.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/celebamask_image_64.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, **_base_.fixed, teacher='work_dirs/ddpm_celebamask_64/denoiser'),
]
