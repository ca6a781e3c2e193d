# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Comparison of a student with its teacher."""

from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.distillers.repfusion_distiller import (
    RepFusionDistiller,
    TimestepBranch,
    by_branch,
)
from mmdiffrep.models.layer_taps import Layer, LayerTaps, find_module

__all__ = [
    'FeaturePair',
    'Layer',
    'LayerTaps',
    'RepFusionDistiller',
    'TimestepBranch',
    'by_branch',
    'find_module',
]
