# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Choose between an image and its mirror image, whichever is closer to another image."""

import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.matching.mutual import mutual_nearest


def instance_distance(source: Tensor, target: Tensor, mask: Tensor | None = None) -> float:
    """Return the mean cosine distance of mutual nearest neighbors between two maps.

    Args:
        source: Map (C, h, w).
        target: Map (C, h', w').
        mask: Cells of the source that belong to the object (h, w), bool; None: all.

    Returns:
        The distance in [0, 2]; 2 if no cell has a mutual neighbor.
    """
    vectors = source.flatten(1).T
    if mask is not None:
        vectors = vectors[mask.flatten()]
    _, similarity = mutual_nearest(vectors, target.flatten(1).T)
    return float(1 - similarity.mean()) if len(similarity) else 2.0


def best_flip(source: Tensor, mirrored: Tensor, target: Tensor, mask: Tensor | None = None) -> bool:
    """Tell whether the mirrored source is closer to the target than the source itself.

    Args:
        source: Map (C, h, w) of the source image.
        mirrored: Map of the mirrored source image, as the network gives it (not mirrored back).
        target: Map of the target image.
        mask: Object cells of the source (h, w), bool; mirrored for ``mirrored``.
    """
    mirrored_mask = None if mask is None else mask.flip(-1)
    plain = instance_distance(F.normalize(source, dim=0), F.normalize(target, dim=0), mask)
    flipped = instance_distance(
        F.normalize(mirrored, dim=0), F.normalize(target, dim=0), mirrored_mask
    )
    return flipped < plain
