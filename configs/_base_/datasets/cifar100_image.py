# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The training images of CIFAR-100 without labels, for a diffusion model.
_base_ = './cifar10_image.py'
train_dataloader = dict(dataset=dict(type='mmpretrain.CIFAR100', data_root='data/cifar100'))
