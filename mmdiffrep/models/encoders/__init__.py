# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of other libraries, by name: timm, torchvision, transformers, or any module.

A name is imported when it is first used.
"""

from typing import TYPE_CHECKING

from mmdiffrep.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmdiffrep.models.encoders.base import LoadedEncoder
    from mmdiffrep.models.encoders.load import load_encoder
    from mmdiffrep.models.encoders.map_layers import (
        MapLayer,
        find_map_layers,
        last_map_layer,
        stages,
    )
    from mmdiffrep.models.encoders.map_reader import MapReader
    from mmdiffrep.models.encoders.names import LIBRARIES, is_encoder_name

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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        'LIBRARIES': 'mmdiffrep.models.encoders.names',
        'LoadedEncoder': 'mmdiffrep.models.encoders.base',
        'MapLayer': 'mmdiffrep.models.encoders.map_layers',
        'MapReader': 'mmdiffrep.models.encoders.map_reader',
        'find_map_layers': 'mmdiffrep.models.encoders.map_layers',
        'is_encoder_name': 'mmdiffrep.models.encoders.names',
        'last_map_layer': 'mmdiffrep.models.encoders.map_layers',
        'load_encoder': 'mmdiffrep.models.encoders.load',
        'stages': 'mmdiffrep.models.encoders.map_layers',
    },
)
