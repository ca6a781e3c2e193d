# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures of what models do."""

from .segmentation_grid import draw_segmentation_grid

__all__ = ['draw_segmentation_grid']
