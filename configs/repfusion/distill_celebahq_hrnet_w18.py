# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: HRNetV2-W18 learns a diffusion model's features on CelebA-HQ, no
# labels. Its scales are fused to 2048 channels, as officially; stage 2 uses the backbone alone.
_base_ = ['./distill_celebahq_r50.py', '../_base_/models/hrnetv2_w18.py']
model = dict(
    backbone=dict(_delete_=True, **_base_.hrnetv2_w18),
    neck=dict(type='mmpretrain.HRFuseScales', in_channels=(18, 36, 72, 144), out_channels=2048),
)
train_dataloader = dict(batch_size=32)  # official, on each of 2 GPUs
_base_.custom_hooks[1].pairs[0].update(student='neck')
custom_hooks = _base_.custom_hooks
