# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_celebamask_64_r18.py with a timestep that a policy chooses: the reward reads the masks
# of all training images, the student does not.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/celebamask_train_64.py']
model = dict(data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 64)))
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion,
        **_base_.reinforced,
        reward=dict(type='mmdiffrep.SegmentationReward', num_classes=19),
        teacher='work_dirs/ddpm_celebamask_64/denoiser',
    ),
    _base_.policy_log,
]
