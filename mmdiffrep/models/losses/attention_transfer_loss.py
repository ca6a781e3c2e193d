# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Attention transfer: compare where two networks look, independent of their channels."""

from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss, resize_like
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import one_of

EPS = 1e-6


@MODELS.register_module()
class AttentionTransferLoss(DistillationLoss):
    """Distance of two attention maps, AT with p = 2 (Zagoruyko and Komodakis, 2017).

    An attention map is the sum of the squared channels of every pixel, divided by the Euclidean
    norm of the whole map. No connector is needed. The student's feature is resized to the
    teacher's size first.

    Args:
        loss_weight (float): Defaults to 1000 (official).
        distance (str): ``'l2'``, the mean squared difference (official), or ``'norm'``, the
            Euclidean norm of the difference, averaged over the images (DreamTeacher, with a
            weight of 10, on the output of its connector). Defaults to ``'l2'``.
    """

    needs_connector = False
    same_channels = False

    def __init__(self, loss_weight: float = 1000.0, distance: str = 'l2') -> None:
        super().__init__(loss_weight=loss_weight)
        self.distance = one_of('distance', distance, ('l2', 'norm'))

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C', h', w')``.

        Raises:
            ValueError: A feature has one pixel only: its attention map is always 1.
        """
        self.require_maps(student, teacher)
        own, target = _attention(resize_like(student, teacher)), _attention(teacher)
        if self.distance == 'norm':
            # Not the norm itself, whose gradient at equal maps is not a number.
            return ((own - target).square().sum(dim=1) + EPS**2).sqrt().mean()
        return F.mse_loss(own, target)


def _attention(feature: Tensor) -> Tensor:
    """Map ``(B, C, h, w)`` to ``(B, h * w)``, of norm 1."""
    energy = feature.square().sum(dim=1).flatten(1)
    return energy / (energy.norm(dim=1, keepdim=True) + EPS)
