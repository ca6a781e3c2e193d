# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which timestep the teacher reads each image at."""

from .base import TimestepPolicy, TimestepSample
from .policy_net import PolicyNet
from .reinforced import ReinforcedTimestep
from .scheduled import AnnealedTimestep, FixedTimestep, UniformTimestep

__all__ = [
    'AnnealedTimestep',
    'FixedTimestep',
    'PolicyNet',
    'ReinforcedTimestep',
    'TimestepPolicy',
    'TimestepSample',
    'UniformTimestep',
]
