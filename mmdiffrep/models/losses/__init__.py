# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation losses between a student and a teacher feature, and a segmentation loss."""

from mmdiffrep.models.losses.attention_transfer_loss import AttentionTransferLoss
from mmdiffrep.models.losses.base import DistillationLoss, LossSum
from mmdiffrep.models.losses.contrastive_loss import ContrastiveLoss
from mmdiffrep.models.losses.feature_loss import DenseFeatureLoss, PooledFeatureLoss
from mmdiffrep.models.losses.patch_relation_loss import PatchRelationLoss
from mmdiffrep.models.losses.relational_loss import RelationalLoss
from mmdiffrep.models.losses.soft_target_loss import DenseSoftTargetLoss, SoftTargetLoss
from mmdiffrep.models.losses.weighted_cross_entropy_loss import WeightedCrossEntropyLoss

__all__ = [
    'AttentionTransferLoss',
    'ContrastiveLoss',
    'DenseFeatureLoss',
    'DenseSoftTargetLoss',
    'DistillationLoss',
    'LossSum',
    'PatchRelationLoss',
    'PooledFeatureLoss',
    'RelationalLoss',
    'SoftTargetLoss',
    'WeightedCrossEntropyLoss',
]
