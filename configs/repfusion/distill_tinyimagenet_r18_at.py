# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The official variant with attention transfer in place of the hint. The student has the stem that
# stage 2 uses, as officially for this variant. The official config cannot run (an argument that its
# class has not, a policy for 32 px and a decoder for CIFAR-10): policy and decoder are the hint's.
_base_ = './distill_tinyimagenet_r18_official.py'
model = dict(backbone=dict(type='ResNet_CIFAR'))
train_dataloader = dict(batch_size=32)  # official
_base_.custom_hooks[1].pairs[0].loss = dict(
    type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0
)
# Official: no EMA.
custom_hooks = [hook for hook in _base_.custom_hooks if hook['type'] != 'EMAHook']
