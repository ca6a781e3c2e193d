# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of other libraries, by name: timm, torchvision, transformers, or any module."""

from mmdiffrep.models.encoders.base import LoadedEncoder
from mmdiffrep.models.encoders.load import LIBRARIES, is_encoder_name, load_encoder
from mmdiffrep.models.encoders.map_layers import MapLayer, find_map_layers, last_map_layer, stages
from mmdiffrep.models.encoders.map_reader import MapReader

__all__ = [
    'LIBRARIES',
    'LoadedEncoder',
    'MapLayer',
    'MapReader',
    'find_map_layers',
    'is_encoder_name',
    'last_map_layer',
    'load_encoder',
    'stages',
]
