# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of what models do."""

from mmdiffrep.visualization.feature_colors import feature_colors
from mmdiffrep.visualization.heat_map import draw_heat_maps
from mmdiffrep.visualization.matches import draw_matches, similarity_overlay
from mmdiffrep.visualization.segmentation_grid import draw_segmentation_grid
from mmdiffrep.visualization.segmentation_pictures import (
    draw_overlay,
    draw_uncertainty,
    image_png,
    mask_png,
)
from mmdiffrep.visualization.timestep_map import draw_timestep_map

__all__ = [
    'draw_heat_maps',
    'draw_matches',
    'draw_overlay',
    'draw_segmentation_grid',
    'draw_timestep_map',
    'draw_uncertainty',
    'feature_colors',
    'image_png',
    'mask_png',
    'similarity_overlay',
]
