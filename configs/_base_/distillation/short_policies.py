# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Ways to choose the timestep in a run of a few hundred iterations.
fixed = dict(policy=dict(type='mmdiffrep.FixedTimestep', t=50))
uniform = dict(policy=dict(type='mmdiffrep.UniformTimestep', high=1000))
reinforced = dict(
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
    holdout=0.5,  # they alone reward the policy: a short run needs many
)
policy_log = dict(type='mmdiffrep.PolicyLogHook', interval=20)
