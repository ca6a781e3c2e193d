# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# difformer_imagenet_adm_256.py with the diffusion model trained along (official mode "finetune").
# Result: never run at full size.
_base_ = [
    '../_base_/models/difformer_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(frozen=False))
optim_wrapper = dict(optimizer=dict(lr=0.001))  # official suggestion
