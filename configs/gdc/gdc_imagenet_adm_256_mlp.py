# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's MLP head on ImageNet, 28 epochs: ReLU layers before the last one. Their widths are ours.
# Result: never run at full size.
_base_ = [
    '../_base_/models/gdc_adm_256.py',
    '../_base_/datasets/imagenet_256.py',
    '../_base_/schedules/sgd_28e.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(head=dict(type='StackedLinearClsHead', mid_channels=[2048, 1024]))
