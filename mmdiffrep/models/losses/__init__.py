# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation losses between a student and a teacher feature, and a segmentation loss."""

from mmdiffrep.models.losses.attention_transfer_loss import AttentionTransferLoss
from mmdiffrep.models.losses.base import DistillationLoss, LossSum
from mmdiffrep.models.losses.contrastive_loss import ContrastiveLoss
from mmdiffrep.models.losses.feature_loss import DenseFeatureLoss, PooledFeatureLoss
from mmdiffrep.models.losses.relational_loss import RelationalLoss
from mmdiffrep.models.losses.soft_target_loss import SoftTargetLoss
from mmdiffrep.models.losses.weighted_cross_entropy_loss import WeightedCrossEntropyLoss

__all__ = [
    'AttentionTransferLoss',
    'ContrastiveLoss',
    'DenseFeatureLoss',
    'DistillationLoss',
    'LossSum',
    'PooledFeatureLoss',
    'RelationalLoss',
    'SoftTargetLoss',
    'WeightedCrossEntropyLoss',
]
