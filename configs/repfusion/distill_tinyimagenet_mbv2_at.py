# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official stage 1 on Tiny-ImageNet with MobileNetV2 as the student and attention transfer in
# place of the hint.
# Result: never run at full size.
_base_ = './distill_tinyimagenet_r18_at.py'
model = dict(backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0))
