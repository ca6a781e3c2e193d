# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_face68_64_r18.py with a timestep that a policy chooses: the reward reads the landmarks
# of all training images, the student does not.
_base_ = ['../_base_/distillation/faces_64.py', '../_base_/datasets/face_landmarks_68_train.py']
model = dict(data_preprocessor=dict(type='PoseDataPreprocessor'))
default_scope = 'mmpose'
visualizer = dict(type='PoseLocalVisualizer')
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(
        **_base_.repfusion,
        **_base_.reinforced,
        reward=dict(type='mmdiffrep.HeatmapReward', num_keypoints=68),
        teacher='work_dirs/ddpm_celebamask_64/denoiser',
    ),
    _base_.policy_log,
]
