# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Heads that the hosts lack."""

from mmdiffrep.models.heads.ensemble_vote import EnsemblePrediction, EnsembleVote, top_share_mean
from mmdiffrep.models.heads.member_stop_rule import MemberStopRule
from mmdiffrep.models.heads.multi_probe_head import MultiProbeHead
from mmdiffrep.models.heads.pixel_mlp_ensemble_head import PixelMLPEnsembleHead
from mmdiffrep.models.heads.stacked_mlp import StackedMLP

__all__ = [
    'EnsemblePrediction',
    'EnsembleVote',
    'MemberStopRule',
    'MultiProbeHead',
    'PixelMLPEnsembleHead',
    'StackedMLP',
    'top_share_mean',
]
