# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match the student's similarities between patches of an image to the teacher's."""

from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, positive


@MODELS.register_module()
class PatchRelationLoss(DistillationLoss):
    """Divergence of the softened similarities between the patches of an image.

    Both maps are averaged to a grid of patches. For every patch, the cosines with all others of
    its image, divided by a temperature, become probabilities; the loss is KL(teacher || student).
    What is taught is the layout of the feature, not its channels, so no connector is needed.
    DistillDIFT compares the patches of two images in this way, within one it is not official.

    Args:
        size (int): Side of the grid; a map takes size^4 numbers. Defaults to 8.
        temperature (float): Defaults to 0.1. (DistillDIFT: 0.001 to 0.01 for both networks;
            a student of other channels needs more.)
        loss_weight (float): Defaults to 1.

    Raises:
        ValueError: ``size`` is below 2 or ``temperature`` is not positive.
    """

    needs_connector = False
    same_channels = False
    explains = False

    def __init__(self, size: int = 8, temperature: float = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.size = integer('size', size, 2)
        self.temperature = positive('temperature', temperature)

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C', h', w')``.

        Raises:
            ValueError: A feature has one pixel only.
        """
        self.require_maps(student, teacher)
        divergence = F.kl_div(
            self._relations(student), self._relations(teacher), reduction='sum', log_target=True
        )
        return divergence / (len(student) * self.size**2)

    def _relations(self, feature: Tensor) -> Tensor:
        """Log-probabilities ``(B, P, P)`` of every patch over those of its image."""
        grid = F.interpolate(feature, size=(self.size,) * 2, mode='bilinear', antialias=True)
        patches = F.normalize(grid.flatten(2), dim=1)
        cosines = patches.transpose(1, 2) @ patches
        return F.log_softmax(cosines / self.temperature, dim=2)
