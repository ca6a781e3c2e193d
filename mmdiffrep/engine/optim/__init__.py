# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Optimizers that mmengine does not have."""

from .side_optimizer import SideOptimizer

__all__ = ['SideOptimizer']
