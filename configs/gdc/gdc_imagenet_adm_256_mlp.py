# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# GDC's MLP head: ReLU layers before the last one. Their widths are ours.
_base_ = './gdc_imagenet_adm_256_linear.py'
model = dict(head=dict(type='StackedLinearClsHead', mid_channels=[2048, 1024]))
