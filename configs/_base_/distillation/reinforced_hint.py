# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion for classification: the student predicts the teacher's pooled feature at a timestep
# that a policy chooses for each image. A config adds the teacher, and the reward for its classes.
repfusion = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[
        dict(
            student='backbone',
            teacher='mid',  # official: the convolution before the skip is added
            loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2'),  # official
            standardize=True,  # official: False
        )
    ],
    policy=dict(
        type='mmdiffrep.ReinforcedTimestep',
        num_buckets=100,  # official: None, 1000 actions
        baseline='batch_mean',  # official: 'none'
        standardize_reward=True,  # official: False
        exploration=0.1,  # official: 0
        warmup=0.1,  # official: 0
        entropy=0.1,  # official
        entropy_until=0.5,  # official
    ),
    noise='none',  # official: the clean image
    holdout=0.1,  # official: 0
)
policy_log = dict(type='mmdiffrep.PolicyLogHook')
