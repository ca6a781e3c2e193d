# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation losses between one student feature and one teacher feature."""

from .attention_transfer_loss import AttentionTransferLoss
from .base import DistillationLoss
from .contrastive_loss import ContrastiveLoss
from .feature_loss import DenseFeatureLoss, PooledFeatureLoss
from .relational_loss import RelationalLoss
from .soft_target_loss import SoftTargetLoss

__all__ = [
    'AttentionTransferLoss',
    'ContrastiveLoss',
    'DenseFeatureLoss',
    'DistillationLoss',
    'PooledFeatureLoss',
    'RelationalLoss',
    'SoftTargetLoss',
]
