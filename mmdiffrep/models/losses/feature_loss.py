# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distances between a student's feature and its teacher's, pooled or pixel by pixel."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss, global_average, resize_like
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import one_of


def _normalized_l2(student: Tensor, teacher: Tensor) -> Tensor:
    return F.mse_loss(F.normalize(student, dim=1), F.normalize(teacher, dim=1))


def _cosine(student: Tensor, teacher: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'l1': F.l1_loss,
    'l2': F.mse_loss,
    'smooth_l1': F.smooth_l1_loss,
    'normalized_l2': _normalized_l2,
    'cosine': _cosine,
}


class FeatureLoss(DistillationLoss):
    """Base of the losses that compare channel by channel.

    Args:
        distance (str): Defaults to ``'l2'``. Means over all elements are

            - ``'l1'``, ``'l2'`` (squared) and ``'smooth_l1'`` (beta 1);
            - ``'normalized_l2'``: squared, after every pixel's vector is divided by its length
              (official ``l2_norm``). It is 2 / C times the next one.

            A mean over the pixels is

            - ``'cosine'``: 1 minus the cosine, in [0, 2]. The official ``cosine`` lacks the
              sign, so that minimizing it drives the features apart.
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, distance: str = 'l2', loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.distance = one_of('distance', distance, DISTANCES)


@MODELS.register_module()
class PooledFeatureLoss(FeatureLoss):
    """Distance of the global averages (official "hint" of CIFAR-10: ``l2``, weight 1)."""

    pools = True

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C, h', w')``, both averaged over their pixels."""
        return DISTANCES[self.distance](global_average(student), global_average(teacher))


@MODELS.register_module()
class DenseFeatureLoss(FeatureLoss):
    """Distance pixel by pixel (official for faces: R50 ``l1`` times 10, R18 ``l2`` times 1).

    The student's map is resized to the teacher's (bilinear, ``align_corners=False``).
    """

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C, h', w')`` at the teacher's size."""
        return DISTANCES[self.distance](resize_like(student, teacher), teacher)
