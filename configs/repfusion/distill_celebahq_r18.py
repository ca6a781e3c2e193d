# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns a diffusion model's features on CelebA-HQ, no labels.
_base_ = './distill_celebahq_r50.py'
model = dict(backbone=dict(depth=18))
train_dataloader = dict(batch_size=16)  # official, on each of 4 GPUs
_base_.custom_hooks[1].pairs[0].loss.update(distance='l2', loss_weight=1.0)  # official
custom_hooks = _base_.custom_hooks
