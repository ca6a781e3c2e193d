# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# WRN-28-2 on CIFAR-10 from random weights: the baseline.
# Result: never run at full size.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/cifar10.py',
    '../_base_/schedules/sgd_200e_cls.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    backbone=dict(_delete_=True, type='mmdiffrep.WideResNetCIFAR', depth=28, widen_factor=2),
    head=dict(in_channels=128),
)
train_dataloader = dict(batch_size=64)  # official
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
default_hooks = dict(
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0),  # official
)
