# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on ImageNet, official values, 28 epochs.
# Result: never run at full size.
_base_ = [
    '../_base_/models/difformer_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
