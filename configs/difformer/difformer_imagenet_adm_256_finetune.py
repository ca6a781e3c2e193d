# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The same with the diffusion model trained along (official mode "finetune").
_base_ = './difformer_imagenet_adm_256.py'
model = dict(backbone=dict(frozen=False))
optim_wrapper = dict(optimizer=dict(lr=0.001))  # official suggestion
