# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Policies that choose the timestep at which the teacher reads an image."""

from mmdiffrep.models.timestep_policies.base import Draws, TimestepPolicy, TimestepSample
from mmdiffrep.models.timestep_policies.matched import MatchedTimestep
from mmdiffrep.models.timestep_policies.policy_net import PolicyNet
from mmdiffrep.models.timestep_policies.reinforced import ReinforcedTimestep
from mmdiffrep.models.timestep_policies.reward_statistics import RewardReference, RewardStatistics
from mmdiffrep.models.timestep_policies.scheduled import (
    AnnealedTimestep,
    FixedTimestep,
    StagedTimestep,
    UniformTimestep,
)
from mmdiffrep.models.timestep_policies.stratified import StratifiedTimestep

__all__ = [
    'AnnealedTimestep',
    'Draws',
    'FixedTimestep',
    'MatchedTimestep',
    'PolicyNet',
    'ReinforcedTimestep',
    'RewardReference',
    'RewardStatistics',
    'StagedTimestep',
    'StratifiedTimestep',
    'TimestepPolicy',
    'TimestepSample',
    'UniformTimestep',
]
