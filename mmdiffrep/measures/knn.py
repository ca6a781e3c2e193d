# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Classify each feature by its nearest neighbors: how good features are, without training."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.measures.labels import check_labels
from mmdiffrep.utils.checks import as_many, integer

_ROWS = 1024  # compared with all at a time


def knn_accuracy(features: Tensor, labels: Tensor, k: int = 10) -> float:
    """Return the share of features whose neighbors agree on their class, each left out itself.

    The k nearest by cosine similarity vote; of classes with equally many votes, that of the
    nearest neighbor among them wins.

    Args:
        features: ``(N, C)``, N at least 2.
        labels: Classes ``(N,)``, from 0.
        k: Neighbors; at most N - 1 are taken. Defaults to 10.

    Returns:
        In [0, 1].

    Raises:
        ValueError: Fewer than two features, or other numbers of features and labels.
    """
    integer('k', k, 1)
    integer('The number of features', len(features), 2)
    as_many('labels', labels, 'features', features)
    classes = int(labels.max()) + 1
    check_labels(labels, classes)
    rows = F.normalize(features.float(), dim=1)
    k = min(k, len(rows) - 1)
    bonus = torch.linspace(0.5, 0, k, device=rows.device)  # breaks ties, never a majority
    right = 0
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        similarity = part @ rows.T
        own = torch.arange(len(part), device=rows.device)
        similarity[own, own + start] = -torch.inf
        nearest = labels.to(rows.device)[similarity.topk(k, dim=1).indices]
        votes = F.one_hot(nearest, classes).float()
        first = (votes * bonus[None, :, None]).amax(1)
        guess = (votes.sum(1) + first).argmax(1)
        right += int((guess == labels.to(rows.device)[start : start + len(part)]).sum())
    return right / len(rows)
