# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the paper's two: ResNet-18 learns the features of ADM, a diffusion model of ImageNet at
# 64 px. The student has the stem that stage 2 uses. Officially in fp16:
#   --amp --cfg-options optim_wrapper.loss_scale=512.0
_base_ = [
    '../_base_/models/classifier_r18_cifar.py',
    '../_base_/datasets/tinyimagenet_train.py',
    '../_base_/schedules/sgd_200e.py',
    '../_base_/runtime/mmpretrain.py',
    '../_base_/distillation/reinforced_hint.py',
    '../_base_/teachers/adm_64.py',
]
log_processor = dict(by_epoch=True)
model = dict(_delete_=True, type='mmdiffrep.DistillationStudent', backbone=_base_.model.backbone)
optim_wrapper = dict(optimizer=dict(nesterov=True))  # official
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion,
        teacher=_base_.adm_64,
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=200),
    ),
    dict(type='EMAHook', momentum=0.001),  # official
    _base_.policy_log,
]
