# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's best model of CIFAR-10, an EDM: 8 processes of 64 images, 4,000 epochs, geometric
# augmentation.
# Result: never run at full size; DDAE reports FID 2.34.
_base_ = './edm_cifar10_32_ddpmpp.py'
model = dict(augment_prob=0.12)
optim_wrapper = dict(optimizer=dict(lr=8e-4))  # 1e-4 per process
train_cfg = dict(max_epochs=4000)
# without the flip: the augmentation mirrors images itself, and tells the network
train_dataloader = dict(dataset=dict(pipeline=[dict(type='mmdiffrep.PackImage')]))
