# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentation loss with class weights, for masks with ignored pixels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import as_many, at_least, list_of, positive


@MODELS.register_module()
class WeightedCrossEntropyLoss(nn.Module):
    """mmseg's ``CrossEntropyLoss(class_weight=...)`` for masks with ignored pixels.

    The sum of the weighted losses is divided by the sum of the pixels' class weights. mmseg looks
    up the weight of the ignored label 255 too: an IndexError on the CPU, a device assertion on a
    GPU. Here ignored pixels have weight 0. Masks without ignored pixels give mmseg's loss bit for
    bit; a batch without a labeled pixel has the loss 0.

    Args:
        class_weight (sequence of float): Weight of each class, not negative.
        loss_weight (float): Factor of the loss. Defaults to 1.
        loss_name (str): Key of the loss; keep the prefix ``loss_``. Defaults to ``'loss_ce'``.
    """

    def __init__(
        self,
        class_weight: Sequence[float],
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
    ) -> None:
        super().__init__()
        weights = list_of('class_weight', class_weight, float)
        self.class_weight = [at_least('class_weight', weight, 0) for weight in weights]
        self.loss_weight = positive('loss_weight', loss_weight)
        self.loss_name = loss_name

    def forward(
        self,
        scores: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Compute the loss.

        Args:
            scores: Logits (B, C, H, W).
            labels: (B, H, W), 0 to C - 1 or ``ignore_index``.
            weight: Factors of the pixels (B, H, W), as mmseg's samplers give them.
            ignore_index: Label of ignored pixels.

        Raises:
            ValueError: Not one class weight for each channel of the scores.
        """
        as_many('class_weight', self.class_weight, 'the classes', range(scores.shape[1]))
        class_weight = scores.new_tensor(self.class_weight)
        loss = F.cross_entropy(
            scores, labels, weight=class_weight, reduction='none', ignore_index=ignore_index
        )
        if weight is not None:
            loss = loss * weight.float()
        labeled = labels != ignore_index
        total = (class_weight[labels.where(labeled, 0)] * labeled).sum()
        return self.loss_weight * (loss.sum() / (total + torch.finfo(torch.float32).eps))
