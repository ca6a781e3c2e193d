# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What stands between a backbone's maps and a head."""

from .lazy_hypercolumn import Hypercolumns, LazyHypercolumn, resized_sum

__all__ = ['Hypercolumns', 'LazyHypercolumn', 'resized_sum']
