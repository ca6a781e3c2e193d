# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Join the maps of one image, of several taps and timesteps."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def join_maps(maps: Sequence[Tensor]) -> Tensor:
    """Normalize maps per cell, resize them to the largest, and concatenate their channels.

    A single map is returned as it is, for DIFT resizes before it normalizes.

    Args:
        maps: (C_i, h_i, w_i) each.

    Returns:
        (sum of C_i, h, w).
    """
    if len(maps) == 1:
        return maps[0]
    size = max((tuple(value.shape[1:]) for value in maps), key=lambda side: side[0] * side[1])
    parts = []
    for value in maps:
        value = F.normalize(value[None], dim=1)
        if tuple(value.shape[2:]) != size:
            value = F.interpolate(value, size=size, mode='bilinear', align_corners=False)
            value = F.normalize(value, dim=1)
        parts.append(value[0])
    return torch.cat(parts)
