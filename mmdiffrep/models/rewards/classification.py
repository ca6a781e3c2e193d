# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward of a classification run: cross-entropy of an MLP on the pooled teacher feature."""

from typing import List

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS

from .base import Reward


@MODELS.register_module()
class ClassificationReward(Reward):
    """Cross-entropy of a three-layer MLP d-d-d-classes, the official decoder (d = 256 on CIFAR-10).

    It reads ``gt_score`` (soft labels, as Mixup and CutMix write them) where a sample has one, and
    ``gt_label`` otherwise.

    Args:
        in_channels (int): Channels d of the teacher's feature.
        num_classes (int): Number of classes.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels)
        self.num_classes = num_classes
        self.decoder = nn.Sequential(
            nn.Linear(in_channels, in_channels),
            nn.ReLU(inplace=True),
            nn.Linear(in_channels, in_channels),
            nn.ReLU(inplace=True),
            nn.Linear(in_channels, num_classes),
        )

    def task_loss(self, feature: Tensor, data_samples: List[BaseDataElement]) -> Tensor:
        """See :class:`Reward`."""
        logits = self.decoder(feature.mean(dim=(2, 3)))
        if data_samples and all('gt_score' in sample for sample in data_samples):
            target = torch.stack([sample.gt_score for sample in data_samples]).to(logits)
        else:
            target = torch.cat([label.view(1) for label in self.collect(data_samples, 'gt_label')])
            target = target.to(logits.device)
            self.check_labels(target, self.num_classes)
        return F.cross_entropy(logits, target, reduction='none')
