# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Probes of all noise levels and taps of DDAE's small EDM on CIFAR-10, 15 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/ddae_grid.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
timesteps = [3, 4, 5]  # official: sigma 0.023, 0.060 and 0.140
model = dict(
    backbone=dict(denoiser='work_dirs/edm_cifar10_32_unet35m/denoiser', timesteps=timesteps),
    head=dict(timesteps=timesteps, shown='t4/ddae:7'),
)
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='mmdiffrep.MultiProbeAccuracy')]
test_evaluator = val_evaluator
