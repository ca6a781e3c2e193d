# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Registered models: importing this package fills the registry."""

from . import (
    algorithms,
    backbones,
    connectors,
    distillers,
    heads,
    losses,
    necks,
    probes,
    rewards,
    segmentors,
    teachers,
    timestep_policies,
)

__all__ = [
    'algorithms',
    'backbones',
    'connectors',
    'distillers',
    'heads',
    'losses',
    'necks',
    'probes',
    'rewards',
    'segmentors',
    'teachers',
    'timestep_policies',
]
