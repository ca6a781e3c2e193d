# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Probes of all timesteps and taps of DDAE's small DDPM on CIFAR-10, 15 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/ddae_grid.py',
    '../_base_/schedules/adam_15e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(backbone=dict(denoiser='google/ddpm-cifar10-32'))
val_evaluator = [dict(type='Accuracy', topk=(1,)), dict(type='mmdiffrep.MultiProbeAccuracy')]
test_evaluator = val_evaluator
