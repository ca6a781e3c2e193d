# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Necks between a backbone's maps and a head."""

from mmdiffrep.models.necks.conv_pool import ConvPool
from mmdiffrep.models.necks.difformer import DifFormer
from mmdiffrep.models.necks.hyperfeatures import Hyperfeatures
from mmdiffrep.models.necks.lazy_hypercolumn import Hypercolumns, LazyHypercolumn, resized_sum
from mmdiffrep.models.necks.pool_flatten import PoolFlatten
from mmdiffrep.models.necks.tap_pyramid import TapPyramid

__all__ = [
    'ConvPool',
    'DifFormer',
    'Hypercolumns',
    'Hyperfeatures',
    'LazyHypercolumn',
    'PoolFlatten',
    'TapPyramid',
    'resized_sum',
]
