# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 on CIFAR-10 from random weights: the baseline, and the CNN teacher of others.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/sgd_200e_cls.py',
    '../_base_/runtime/mmpretrain.py',
]
log_processor = dict(by_epoch=True)
train_dataloader = dict(batch_size=64)  # official
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(type='EMAHook', momentum=0.001),  # official
]
