# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Latents computed once: stored in half precision, mapped into memory, shared."""

from .dataset import LatentDataset
from .reader import LatentReader

__all__ = ['LatentDataset', 'LatentReader']
