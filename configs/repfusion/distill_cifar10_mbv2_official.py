# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official stage 1 on CIFAR-10 with MobileNetV2 as the student.
# Result: never run at full size.
_base_ = './distill_cifar10_r18_official.py'
model = dict(backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0))
