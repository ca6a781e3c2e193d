# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation losses between one student feature and one teacher feature."""

from .feature_loss import DenseFeatureLoss, PooledFeatureLoss

__all__ = ['DenseFeatureLoss', 'PooledFeatureLoss']
