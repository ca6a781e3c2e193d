# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Probes of all timesteps and taps of a small DDPM (../ddpm/ddpm_fashionmnist_32.py) on
# Fashion-MNIST, 15 epochs.
# Result: not measured.
_base_ = [
    '../_base_/datasets/fashionmnist.py',
    '../_base_/models/ddae_32_grid.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='work_dirs/ddpm_fashionmnist_32/denoiser'))
train_dataloader = dict(
    batch_size=128, sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True)
)
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='mmdiffrep.MultiProbeAccuracy')]
test_evaluator = val_evaluator
