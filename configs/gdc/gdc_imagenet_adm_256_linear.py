# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's linear head on ImageNet, official values, 28 epochs. Other pools: --cfg-options
#   model.neck.pool=4 model.head.in_channels=16384 (1024 * pool**2)
# Result: never run at full size.
_base_ = [
    '../_base_/models/gdc_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
