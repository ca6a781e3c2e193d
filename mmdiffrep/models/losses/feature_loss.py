# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distances between a student's feature and its teacher's, pooled or pixel by pixel."""

from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS

DISTANCES = {'l1': F.l1_loss, 'l2': F.mse_loss, 'smooth_l1': F.smooth_l1_loss}


class FeatureLoss(nn.Module):
    """Base of the element-wise feature losses: mean distance over all elements times a weight.

    Args:
        distance (str): ``'l1'``, ``'l2'`` or ``'smooth_l1'`` (beta 1). Defaults to ``'l2'``.
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, distance: str = 'l2', loss_weight: float = 1.0) -> None:
        super().__init__()
        if distance not in DISTANCES:
            raise ValueError(f'distance must be one of {sorted(DISTANCES)}, got {distance!r}')
        self.distance = distance
        self.loss_weight = loss_weight

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Returns the weighted mean distance, a scalar; no gradient flows into the teacher."""
        return self.loss_weight * DISTANCES[self.distance](student, teacher.detach())


@MODELS.register_module()
class PooledFeatureLoss(FeatureLoss):
    """Distance of the global averages: the official "hint" of CIFAR-10 (``l2``, weight 1)."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compares ``(B, C, h, w)`` with ``(B, C, h', w')``, both averaged over their pixels."""
        return self.compare(student.mean(dim=(2, 3)), teacher.mean(dim=(2, 3)))


@MODELS.register_module()
class DenseFeatureLoss(FeatureLoss):
    """Distance pixel by pixel: for faces officially ``l1`` times 10 (R50) or ``l2`` times 1 (R18).

    The student's map is resized to the teacher's (bilinear, ``align_corners=False``).
    """

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compares ``(B, C, h, w)`` with ``(B, C, h', w')`` at the teacher's size."""
        if student.shape[-2:] != teacher.shape[-2:]:
            student = F.interpolate(
                student, size=teacher.shape[-2:], mode='bilinear', align_corners=False
            )
        return self.compare(student, teacher)
