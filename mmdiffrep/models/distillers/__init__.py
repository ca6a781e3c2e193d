# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Comparison of a student with its teacher."""

from mmdiffrep.models.distillers.connectors import (
    ConvConnector,
    HypercolumnConnector,
    MLPConnector,
)
from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.distillers.pyramid_connector import PyramidConnector
from mmdiffrep.models.distillers.repfusion_distiller import (
    RepFusionDistiller,
    TimestepBranch,
    by_branch,
)
from mmdiffrep.models.distillers.targets import (
    ChannelStandardizer,
    LayerNormTarget,
    PHIStandardizer,
)
from mmdiffrep.models.distillers.timestep_connector import TimestepConnector
from mmdiffrep.models.layer_taps import Layer, LayerTaps, find_module

__all__ = [
    'ChannelStandardizer',
    'ConvConnector',
    'FeaturePair',
    'HypercolumnConnector',
    'Layer',
    'LayerNormTarget',
    'LayerTaps',
    'MLPConnector',
    'PHIStandardizer',
    'PyramidConnector',
    'RepFusionDistiller',
    'TimestepBranch',
    'TimestepConnector',
    'by_branch',
    'find_module',
]
