# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Contrastive distillation: an image's student feature finds its own teacher feature."""

import torch
from mmengine.dist import all_gather, get_rank
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.losses.base import DistillationLoss, global_average
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import positive
from mmdiffrep.utils.gather import require_two


@MODELS.register_module()
class ContrastiveLoss(DistillationLoss):
    """InfoNCE with student queries and teacher keys, as in the official code.

    Cross-entropy of the cosines of a pooled student feature with all pooled teacher features of
    the batch, divided by a temperature; the image's own teacher feature is the right answer, those
    of the other images are the negatives.

    Under DDP the keys of all ranks are gathered. They carry no gradient and every rank averages
    over its own queries, so that N ranks equal one process with the N-fold batch. All ranks must
    have the same batch size. With gradient accumulation the negatives are those of one step.

    Args:
        temperature (float): Defaults to 0.1 (official).
        loss_weight (float): Defaults to 1.

    Raises:
        ValueError: ``temperature`` is not positive.
    """

    pools = True
    explains = False

    def __init__(self, temperature: float = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.temperature = positive('temperature', temperature)

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Compare ``(B, C, h, w)`` with ``(B, C, h', w')``, both averaged over their pixels.

        Raises:
            ValueError: There is one image only, so nothing to tell it from.
        """
        queries = F.normalize(global_average(student), dim=1)
        keys = torch.cat(all_gather(F.normalize(global_average(teacher), dim=1)))
        require_two(self, keys)
        own = torch.arange(len(queries), device=queries.device) + get_rank() * len(queries)
        return F.cross_entropy(queries @ keys.T / self.temperature, own)
