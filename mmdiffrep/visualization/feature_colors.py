# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Feature maps as colors: their first three principal components."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def feature_colors(maps: Sequence[Tensor]) -> list[np.ndarray]:
    """Color cells by the three components in which all cells of all maps differ most.

    Args:
        maps: (C, h, w) each.

    Returns:
        RGB uint8 (h, w, 3) each; similar cells have similar colors, in all of them.
    """
    cells = torch.cat([value.flatten(1).T.float() for value in maps])
    cells = cells - cells.mean(0)
    _, _, basis = torch.linalg.svd(cells, full_matrices=False)
    basis = basis[:3] * basis[:3].sum(1, keepdim=True).sign()  # signs are arbitrary
    reduced = cells @ basis.T
    low, high = reduced.quantile(0.02, dim=0), reduced.quantile(0.98, dim=0)
    levels = ((reduced - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    if levels.shape[1] < 3:
        levels = torch.cat([levels, levels.new_zeros(len(levels), 3 - levels.shape[1])], dim=1)
    parts = (255 * levels).byte().cpu().split([value[0].numel() for value in maps])
    return [part.view(*value.shape[1:], 3).numpy() for part, value in zip(parts, maps)]
