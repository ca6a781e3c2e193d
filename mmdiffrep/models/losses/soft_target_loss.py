# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Soft targets: the student's class probabilities against the teacher's."""

from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss, global_average, resize_like
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import positive


@MODELS.register_module()
class SoftTargetLoss(DistillationLoss):
    """Divergence KL(teacher || student) of softened probabilities times T^2 (Hinton et al., 2015).

    For a teacher that classifies: the student layer and the teacher tap are the logits of both,
    vectors ``(B, classes)``, or maps that are averaged to them. There is no connector, and both
    must have the same classes.

    Args:
        temperature (float): T, which the logits are divided by. Defaults to 4; configs in the
            official history have 10 (ImageNet).
        loss_weight (float): Defaults to 1.

    Raises:
        ValueError: ``temperature`` is not positive.
    """

    needs_connector = False
    pools = True
    standardizes = False

    def __init__(self, temperature: float = 4.0, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.temperature = positive('temperature', temperature)

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, classes, h, w)`` with ``(B, classes, h', w')``, averaged over pixels."""
        divergence = F.kl_div(
            F.log_softmax(global_average(student) / self.temperature, dim=1),
            F.log_softmax(global_average(teacher) / self.temperature, dim=1),
            reduction='batchmean',
            log_target=True,
        )
        return divergence * self.temperature**2


@MODELS.register_module()
class DenseSoftTargetLoss(SoftTargetLoss):
    """:class:`SoftTargetLoss` of every pixel, for a teacher that segments (DreamTeacher's labels).

    The teacher's tap is the map of its logits, such as ``'decode_head.conv_seg'`` of an mmseg model
    on a ``DPMBackbone``, the student's layer is its own; both have the same classes. The student's
    logits are resized to the teacher's (bilinear).

    Args:
        temperature (float): T, which the logits are divided by. Defaults to 4 (official).
        loss_weight (float): Defaults to 1 (official).

    Raises:
        ValueError: ``temperature`` is not positive.
    """

    pools = False

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, classes, h, w)`` with ``(B, classes, h', w')`` at the teacher's size."""
        pixels = resize_like(student, teacher).movedim(1, -1).flatten(0, 2)
        return super().compare(
            pixels[:, :, None, None], teacher.movedim(1, -1).flatten(0, 2)[:, :, None, None]
        )
