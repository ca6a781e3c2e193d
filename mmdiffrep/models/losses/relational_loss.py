# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Relational distillation: distances and angles between the images of a batch."""

import torch
from mmengine.dist import get_rank
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss, global_average
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import at_least
from mmdiffrep.utils.gather import gather_rows, require_two


@MODELS.register_module()
class RelationalLoss(DistillationLoss):
    """Relational knowledge distillation, RKD (Park et al., 2019), of pooled features.

    Smooth L1 (beta 1) between the student's and the teacher's

    - distances of all pairs of images, divided by the mean of the positive ones;
    - cosines of the angles that all triplets of images form.

    No connector is needed: features of any size can have the same relations.

    Under DDP the features of all ranks are gathered, with their gradients, and every rank averages
    over the relations of its own images with all: N ranks equal one process with the N-fold batch.
    All ranks must have the same batch size. b images per rank and B in all take memory for
    ``b * B * max(B, C)`` numbers.

    Args:
        distance_weight (float): Defaults to 25 (official).
        angle_weight (float): Defaults to 50 (official).
        loss_weight (float): Defaults to 1 (official).
    """

    needs_connector = False
    same_channels = False
    pools = True
    explains = False

    def __init__(
        self, distance_weight: float = 25.0, angle_weight: float = 50.0, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight=loss_weight)
        self.distance_weight = at_least('distance_weight', distance_weight, 0)
        self.angle_weight = at_least('angle_weight', angle_weight, 0)

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C', h', w')``, both averaged over their pixels.

        Raises:
            ValueError: There is one image only, so there are no relations.
        """
        size = len(student)
        own = slice(get_rank() * size, (get_rank() + 1) * size)
        student, teacher = (gather_rows(global_average(f)) for f in (student, teacher))
        require_two(self, student)
        distance = F.smooth_l1_loss(_distances(student)[own], _distances(teacher)[own])
        angle = F.smooth_l1_loss(_cosines(student, own), _cosines(teacher, own))
        return self.distance_weight * distance + self.angle_weight * angle


def _distances(feature: Tensor) -> Tensor:
    """Distances ``(B, B)`` between ``(B, C)``; the positive ones have a mean of 1."""
    # The shortcut by matrix products loses the small distances.
    distances = torch.cdist(feature, feature, compute_mode='donot_use_mm_for_euclid_dist')
    positive = (distances > 0).sum().clamp(min=1)
    return distances / (distances.sum() / positive).clamp(min=1e-12)


def _cosines(feature: Tensor, own: slice) -> Tensor:
    """Cosines ``(b, B, B)`` of the angles at the images ``own`` between all pairs of images."""
    differences = feature[None] - feature[own, None]
    lengths = differences.norm(dim=2, keepdim=True)
    # Not a tiny number: that would make the gradient of equal features huge.
    directions = differences / lengths.masked_fill(lengths == 0, 1.0)
    return directions @ directions.transpose(1, 2)
