# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 with MobileNetV2 as the student: the official relational distillation.
_base_ = './distill_cifar10_r18_rkd.py'
model = dict(backbone=dict(_delete_=True, type='mmdiffrep.MobileNetV2CIFAR', widen_factor=1.0))
