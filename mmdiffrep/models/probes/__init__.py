# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measures of frozen features, as tensors: many linear heads at once, alignment, uniformity."""

from .alignment import alignment, uniformity
from .grid_probe import GridProbe, ProbeTraining, fit_grid_probe
from .labels import check_labels, hold_out

__all__ = [
    'GridProbe',
    'ProbeTraining',
    'alignment',
    'check_labels',
    'fit_grid_probe',
    'hold_out',
    'uniformity',
]
