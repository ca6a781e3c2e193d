# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_celebamask_64_r18.py with the official code's layers, loss, input and timestep.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/celebamask_image_64.py']
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.official, teacher='work_dirs/ddpm_celebamask_64/denoiser'),
]
