# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a distillation loss: how far is a student feature from a teacher feature?"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.utils.checks import at_least


class DistillationLoss(nn.Module, ABC):
    """Base of the losses between one student feature and one teacher feature.

    A subclass writes :meth:`compare`; this class applies the weight, keeps float32 under autocast
    and detaches the teacher.

    Args:
        loss_weight (float): Factor of the loss, not negative. Defaults to 1.

    Attributes:
        needs_connector (bool): A trainable connector brings the student's feature to the
            teacher's channels first. False where nothing is compared channel by channel, or where
            each channel has a meaning, as in logits.
        same_channels (bool): Both features must have the same number of channels when they are
            compared.
        pools (bool): Only the average over the pixels of a map counts. The teacher's is then
            averaged before it is standardized, so that it is the average that varies by 1.
        standardizes (bool): Whether the teacher's channels may be standardized. False where their
            values have a meaning, as in logits.
        explains (bool): Whether the loss of predicting the mean feature is a cheap yardstick. False
            where images are compared with one another.
    """

    needs_connector: bool = True
    same_channels: bool = True
    pools: bool = False
    standardizes: bool = True
    explains: bool = True

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        # A negative weight would drive the features apart.
        self.loss_weight = at_least('loss_weight', loss_weight, 0)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss, a scalar, of ``(B, C, h, w)`` and ``(B, C', h', w')``."""
        with torch.autocast(student.device.type, enabled=False):
            return self.loss_weight * self.compare(student.float(), teacher.detach().float())

    def require_maps(self, student: Tensor, teacher: Tensor) -> None:
        """Check that features ``(B, C, h, w)`` have more than one pixel.

        Raises:
            ValueError: One of them is a vector, which is a map of one pixel.
        """
        if teacher[0, 0].numel() == 1:
            raise ValueError(
                f'{type(self).__name__} compares maps and needs more than one pixel, but the '
                f'teacher has {tuple(teacher.shape)} (B, C, h, w; a vector is a map of one pixel): '
                'tap a layer of the teacher before the pooling'
            )
        if student[0, 0].numel() == 1:
            raise ValueError(
                f'{type(self).__name__} compares maps and needs more than one pixel, but the '
                f'student has {tuple(student.shape)} and the teacher {tuple(teacher.shape)} '
                '(B, C, h, w; a vector is a map of one pixel): tap layers before the pooling'
            )

    @abstractmethod
    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss before its weight, a scalar.

        Args:
            student (Tensor): ``(B, C, h, w)``, float32.
            teacher (Tensor): ``(B, C', h', w')``, float32 and detached.

        Raises:
            ValueError: Features of these shapes cannot be compared.
        """


class LossSum(DistillationLoss):
    """Several losses on the same two features, so that one connector serves all of them.

    Args:
        losses (sequence of DistillationLoss): Summed, each with its own weight.
    """

    def __init__(self, losses: Sequence[DistillationLoss]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.needs_connector = any(loss.needs_connector for loss in losses)
        self.same_channels = any(loss.same_channels for loss in losses)
        self.pools = all(loss.pools for loss in losses)
        self.explains = all(loss.explains for loss in losses)
        # The average of a standardized map does not vary by 1: maps and averages need two scales.
        self.standardizes = all(loss.standardizes and loss.pools == self.pools for loss in losses)

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Add up the losses."""
        return torch.stack([loss(student, teacher) for loss in self.losses]).sum()


def global_average(feature: Tensor) -> Tensor:
    """Average ``(B, C, h, w)`` over its pixels to ``(B, C)``."""
    return feature.mean(dim=(2, 3))


def resize_like(student: Tensor, teacher: Tensor) -> Tensor:
    """Resize the student's map to the teacher's ``(h', w')``, bilinearly (official)."""
    if student.shape[-2:] == teacher.shape[-2:]:
        return student
    return F.interpolate(student, size=teacher.shape[-2:], mode='bilinear', align_corners=False)
