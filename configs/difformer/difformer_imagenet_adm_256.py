# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on ImageNet, as officially.
_base_ = [
    '../_base_/models/difformer_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
log_processor = dict(by_epoch=True)
optim_wrapper = dict(optimizer=dict(lr=0.05))
