# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which timestep the teacher reads each image at."""

from .base import TimestepPolicy, TimestepSample
from .policy_net import PolicyNet
from .reinforced import ReinforcedTimestep
from .reward_statistics import RewardReference, RewardStatistics
from .scheduled import AnnealedTimestep, FixedTimestep, UniformTimestep
from .staged import StagedTimestep

__all__ = [
    'AnnealedTimestep',
    'FixedTimestep',
    'PolicyNet',
    'ReinforcedTimestep',
    'RewardReference',
    'RewardStatistics',
    'StagedTimestep',
    'TimestepPolicy',
    'TimestepSample',
    'UniformTimestep',
]
