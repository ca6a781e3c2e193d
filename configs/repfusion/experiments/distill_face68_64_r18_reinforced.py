# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_face68_64_r18.py with a timestep that a policy chooses: the reward reads the landmarks of
# all training images, the student does not.
# Result: 9.75 ± 0.11 % NME of 610 test faces (three seeds) after face68_r18.py; 9.99 ± 0.21 from
# random weights.
_base_ = [
    '../../_base_/models/student_r18_64.py',
    '../../_base_/datasets/face_landmarks_68_train.py',
    '../../_base_/schedules/distill_300.py',
    '../../_base_/runtime/mmpose.py',
]
model = dict(data_preprocessor=dict(type='PoseDataPreprocessor'))
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='work_dirs/ddpm_celebamask_64/denoiser',
        pairs=[
            dict(
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(
            type='mmdiffrep.ReinforcedTimestep',
            num_buckets=50,
            baseline='batch_mean',
            standardize_reward=True,
            exploration=0.1,
            warmup=0.4,  # until the reward's decoder tells timesteps apart
            entropy=0.1,
            entropy_until=0.8,
        ),
        reward=dict(type='mmdiffrep.HeatmapReward', num_keypoints=68),
        holdout=0.5,  # they alone reward the policy: a short run needs many
        noise='fresh',
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=20),
)
