# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ../distill_celebamask_64_r18.py with the teacher's network, but random weights: what of a gain is
# the diffusion model's?
# Result: not measured.
_base_ = '../distill_celebamask_64_r18.py'
default_hooks = dict(repfusion=dict(teacher='random:work_dirs/ddpm_celebamask_64/denoiser'))
