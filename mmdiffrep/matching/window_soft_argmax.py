# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Locate a maximum between pixels: the expectation in a window around it."""

import torch
from torch import Tensor

from mmdiffrep.utils.checks import odd, positive


def window_soft_argmax(
    similarity: Tensor, window: int = 15, temperature: float = 0.04
) -> tuple[Tensor, Tensor]:
    """Return the expected place under a softmax around the maximum.

    GeoAware-SC (Zhang et al., CVPR 2024) sets similarities outside the window to 0, not to
    -infinity, so they keep a little weight; so does this function, for maps of any size (official:
    square, 60 x 60).

    Args:
        similarity: Cosine similarities (K, h, w).
        window: Side of the window in cells, odd.
        temperature: Divides the similarities before the softmax.

    Returns:
        Points (K, 2), x and y in cells with fractions, and the largest similarities (K,).

    Raises:
        ValueError: An even window or a temperature that is not positive.
    """
    odd('window', window)
    positive('temperature', temperature)
    count, height, width = similarity.shape
    value, place = similarity.flatten(1).max(1)
    x = torch.arange(width, device=similarity.device)
    y = torch.arange(height, device=similarity.device)
    near_x = (x - (place % width)[:, None]).abs() <= window // 2
    near_y = (y - (place // width)[:, None]).abs() <= window // 2
    inside = near_y[:, :, None] & near_x[:, None, :]
    weights = (similarity * inside / temperature).flatten(1).softmax(1).view(count, height, width)
    expected_x = (weights.sum(1) * x).sum(1)
    expected_y = (weights.sum(2) * y).sum(1)
    return torch.stack([expected_x, expected_y], dim=1), value
