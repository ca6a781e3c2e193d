# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match two sets of vectors by mutual nearest neighbors."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.utils.checks import one_of

METRICS = ('cosine', 'l2')


def mutual_nearest(
    first: Tensor, second: Tensor, metric: str = 'cosine', chunk: int = 4096
) -> tuple[Tensor, Tensor]:
    """Pair the vectors that are each other's nearest neighbor.

    Args:
        first: Vectors (N, C).
        second: Vectors (M, C).
        metric: ``'cosine'`` (DIFT with Stable Diffusion on HPatches) or ``'l2'`` (with ADM).
        chunk: Rows of ``first`` compared at once; memory is ``chunk`` x M floats.

    Returns:
        Pairs (P, 2) of indices into ``first`` and ``second``, in the order of ``first``, and the
        cosine similarities or negative distances (P,).

    Raises:
        ValueError: An unknown metric.
    """
    one_of('metric', metric, METRICS)
    if not len(first) or not len(second):
        return first.new_zeros((0, 2), dtype=torch.long), first.new_zeros(0)
    if metric == 'cosine':
        first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    best, partner = [], []
    back = first.new_full((len(second),), -torch.inf)
    back_partner = torch.zeros(len(second), dtype=torch.long, device=first.device)
    for start in range(0, len(first), chunk):
        rows = first[start : start + chunk]
        scores = rows @ second.T if metric == 'cosine' else -torch.cdist(rows, second)
        value, index = scores.max(1)
        best.append(value)
        partner.append(index)
        value, index = scores.max(0)
        back_partner = torch.where(value > back, index + start, back_partner)
        back = torch.maximum(back, value)
    scores, forward = torch.cat(best), torch.cat(partner)
    indices = torch.arange(len(first), device=first.device)
    kept = back_partner[forward] == indices
    return torch.stack([indices[kept], forward[kept]], dim=1), scores[kept]
