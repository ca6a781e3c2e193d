# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What all distillation losses have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DistillationLoss(nn.Module, ABC):
    """Base of the losses between one student feature and one teacher feature.

    A subclass writes :meth:`compare`; the weight, float32 under autocast and a teacher without
    gradient are seen to here.

    Args:
        loss_weight (float): Factor of the loss, not negative. Defaults to 1.

    Attributes:
        needs_connector (bool): A trainable connector brings the student's feature to the
            teacher's channels first. False where nothing is compared channel by channel, or where
            the channels have a meaning of their own, as logits do.
        same_channels (bool): Both features must have the same number of channels when they are
            compared.
        pools (bool): Only the average over the pixels of a map counts. The teacher's is then
            averaged before it is standardized, so that it is the average that varies by 1.
        standardizes (bool): Whether the teacher's channels may be standardized. False where their
            values have a meaning of their own, as those of logits do.
    """

    needs_connector: ClassVar[bool] = True
    same_channels: ClassVar[bool] = True
    pools: ClassVar[bool] = False
    standardizes: ClassVar[bool] = True

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        if loss_weight < 0:
            raise ValueError(
                f'loss_weight must not be negative, which would drive the features apart, got '
                f'{loss_weight}'
            )
        self.loss_weight = loss_weight

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss, a scalar, of ``(B, C, h, w)`` and ``(B, C', h', w')``."""
        with torch.autocast(student.device.type, enabled=False):
            return self.loss_weight * self.compare(student.float(), teacher.detach().float())

    @abstractmethod
    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss before its weight, a scalar.

        Args:
            student (Tensor): ``(B, C, h, w)``, float32.
            teacher (Tensor): ``(B, C', h', w')``, float32 and detached.

        Raises:
            ValueError: Features of these shapes cannot be compared.
        """


def global_average(feature: Tensor) -> Tensor:
    """Averages ``(B, C, h, w)`` over its pixels to ``(B, C)``."""
    return feature.mean(dim=(2, 3))


def resize_like(student: Tensor, teacher: Tensor) -> Tensor:
    """Resizes the student's map to the teacher's ``(h', w')``, bilinearly as officially."""
    if student.shape[-2:] == teacher.shape[-2:]:
        return student
    return F.interpolate(student, size=teacher.shape[-2:], mode='bilinear', align_corners=False)
