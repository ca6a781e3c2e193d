# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Heads that the hosts lack."""

from .ensemble_vote import EnsemblePrediction, EnsembleVote, top_share_mean
from .member_stop_rule import MemberStopRule
from .multi_probe_head import MultiProbeHead
from .pixel_mlp_ensemble_head import PixelMLPEnsembleHead
from .stacked_mlp import StackedMLP

__all__ = [
    'EnsemblePrediction',
    'EnsembleVote',
    'MemberStopRule',
    'MultiProbeHead',
    'PixelMLPEnsembleHead',
    'StackedMLP',
    'top_share_mean',
]
