# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Combine the logits of an ensemble's members into one label map and its uncertainty."""

from typing import NamedTuple

import torch
from torch import Tensor

TOP_SHARE = 10  # the image score is the mean over the most uncertain tenth of the pixels


class EnsemblePrediction(NamedTuple):
    """Prediction of an ensemble for one image.

    Attributes:
        labels: ``(H, W)`` int64: the label of most members; ties go to the smallest.
        uncertainty: ``(H, W)`` Jensen-Shannon divergence of the members, 0 to ln(classes).
        score: Mean of the highest tenth of ``uncertainty``, a scalar.
    """

    labels: Tensor
    uncertainty: Tensor
    score: Tensor


class EnsembleVote:
    """Count members one by one, so that memory does not grow with their number.

    As in DDPM-Seg's ``predict_labels``, the label is the mode of the members' labels
    (``torch.mode`` returns the smallest in a tie); the mean probability is used for the divergence
    JS = H(mean p) - mean H(p) alone, in nats.

    Args:
        num_pixels (int): Number of pixels.
        num_classes (int): Number of classes.
        device: Device of the logits.
    """

    def __init__(self, num_pixels: int, num_classes: int, device: torch.device) -> None:
        shape = (num_pixels, num_classes)
        self.num_members = 0
        self._votes = torch.zeros(shape, dtype=torch.int32, device=device)
        self._probability = torch.zeros(shape, device=device)
        self._entropy = torch.zeros(num_pixels, device=device)

    def add(self, logits: Tensor) -> None:
        """Count a member with logits ``(num_pixels, num_classes)``."""
        probability = logits.softmax(dim=1)
        self.num_members += 1
        self._probability += probability
        self._entropy += _entropy(probability)
        label = logits.argmax(dim=1, keepdim=True)
        self._votes.scatter_add_(1, label, torch.ones_like(label, dtype=torch.int32))

    def labels(self) -> Tensor:
        """Return the label per pixel, ``(num_pixels,)``; ties go to the lowest class."""
        return self._votes.argmax(dim=1)

    def uncertainty(self) -> Tensor:
        """Return the divergence per pixel, ``(num_pixels,)``, never negative."""
        mean = self._probability / self.num_members
        return (_entropy(mean) - self._entropy / self.num_members).clamp(min=0)


def top_share_mean(values: Tensor) -> Tensor:
    """Return the mean of the highest tenth of the values, of at least one value.

    Official: int(N / 10) values, which takes all of them below ten pixels.
    """
    flat = values.flatten()
    return flat.topk(max(1, len(flat) // TOP_SHARE)).values.mean()


def _entropy(probability: Tensor) -> Tensor:
    return torch.special.entr(probability).sum(dim=1)
