# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_celebamask_64_r18.py with a timestep that a policy chooses: the reward reads the masks of
# all training images, the student does not.
# Result: 33.3 ± 0.6 % mIoU of 100 test images (three seeds) after celebamask_64_r18.py; 32.3 ± 0.1
# from random weights.
_base_ = [
    '../../_base_/models/student_r18_64.py',
    '../../_base_/datasets/celebamask_train_64.py',
    '../../_base_/schedules/distill_300.py',
    '../../_base_/runtime/mmseg.py',
]
model = dict(data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 64)))
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
        reward=dict(type='mmdiffrep.SegmentationReward', num_classes=19),
        holdout=0.5,  # they alone reward the policy: a short run needs many
        noise='fresh',
    ),
    policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=20),
)
