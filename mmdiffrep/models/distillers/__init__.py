# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What compares a student with its teacher."""

from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller, by_branch
from mmdiffrep.models.distillers.timestep_branch import Reading, TimestepBranch
from mmdiffrep.models.layer_taps import Layer, LayerTaps, find_module

__all__ = [
    'FeaturePair',
    'Layer',
    'LayerTaps',
    'Reading',
    'RepFusionDistiller',
    'TimestepBranch',
    'by_branch',
    'find_module',
]
