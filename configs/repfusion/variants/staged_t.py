# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A range of timesteps for each pair, t in [50, 200) and in [0, 50); one pair an iteration.
_base_ = './several_pairs.py'
policy = dict(type='mmdiffrep.StagedTimestep', highs=[200, 50])
custom_hooks = [
    dict(type='mmdiffrep.ExactResumeHook'),
    dict(**_base_.repfusion, pairs=_base_.pairs, policy=policy),
]
