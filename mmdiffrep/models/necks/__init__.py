# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What stands between a backbone's maps and a head."""

from .conv_pool import ConvPool
from .difformer import DifFormer
from .lazy_hypercolumn import Hypercolumns, LazyHypercolumn, resized_sum
from .pool_flatten import PoolFlatten
from .tap_pyramid import TapPyramid

__all__ = [
    'ConvPool',
    'DifFormer',
    'Hypercolumns',
    'LazyHypercolumn',
    'PoolFlatten',
    'TapPyramid',
    'resized_sum',
]
