# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Registered models: importing this package fills the registry."""

from mmdiffrep.models import (
    algorithms,
    backbones,
    distillers,
    heads,
    losses,
    matchers,
    mixup_preprocessor,
    necks,
    rewards,
    segmentors,
    teachers,
    timestep_policies,
)

__all__ = [
    'algorithms',
    'backbones',
    'distillers',
    'heads',
    'losses',
    'matchers',
    'mixup_preprocessor',
    'necks',
    'rewards',
    'segmentors',
    'teachers',
    'timestep_policies',
]
