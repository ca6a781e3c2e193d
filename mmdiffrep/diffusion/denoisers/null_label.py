# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What stands in for the class label of a class-conditional network when there is none."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NULL_LABELS = ('mean', 'zero')


def check_null_label(null_label: str | int, num_classes: int | None) -> str | int:
    """Check a stand-in.

    Args:
        null_label: ``'mean'``: the mean of all class embeddings, ``'zero'``: none is added, or the
            number of a class that the network was trained with as its null class.
        num_classes: Number of classes; None: unconditional.

    Raises:
        ValueError: None of these.
    """
    is_class = isinstance(null_label, int) and 0 <= null_label < (num_classes or 0)
    if null_label not in NULL_LABELS and not is_class:
        last = '' if num_classes is None else f', or a class in 0 .. {num_classes - 1}'
        raise ValueError(f'null_label must be one of {NULL_LABELS}{last}, got {null_label!r}.')
    return null_label


def null_embedding(weight: Tensor, null_label: str | int) -> Tensor:
    """Return the vector (D,) of the stand-in.

    Args:
        weight: (num_classes, D) embeddings of the classes.
        null_label: See :func:`check_null_label`.
    """
    if isinstance(null_label, int):
        return weight[null_label]
    return weight.mean(dim=0) if null_label == 'mean' else torch.zeros_like(weight[0])


class NullableEmbedding(nn.Embedding):
    """Class embeddings with one label more, the last, for the stand-in; the weights are the same.

    Args:
        embedding: Whose weights are taken.
        null_label: See :func:`check_null_label`.
    """

    def __init__(self, embedding: nn.Embedding, null_label: str | int) -> None:
        super().__init__(
            embedding.num_embeddings, embedding.embedding_dim, _weight=embedding.weight
        )
        self.weight = embedding.weight
        self.null_label = null_label

    def forward(self, labels: Tensor) -> Tensor:
        """(B,) labels in 0 .. num_embeddings -> (B, D)."""
        null = null_embedding(self.weight, self.null_label)
        return F.embedding(labels, torch.cat([self.weight, null[None]]))
