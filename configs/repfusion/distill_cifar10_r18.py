# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns the features of a diffusion model of CIFAR-10. The
# policy is rewarded by labels.
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/cifar10_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/distillation/reinforced_hint.py',
]
log_processor = dict(by_epoch=True)
model = dict(_delete_=True, type='mmdiffrep.DistillationStudent', backbone=_base_.model.backbone)
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion,
        teacher='google/ddpm-cifar10-32',  # official
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=10),  # official
    ),
    dict(type='EMAHook', momentum=0.001),  # official
    _base_.policy_log,
]
