# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Alignment and uniformity of features (Wang and Isola 2020, section 4.1).

DDAE reports them for a diffusion model's features: alignment between two noise draws of an image,
uniformity between images (https://github.com/FutureXiang/ddae). Lower is better for both.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.utils.checks import integer, of_shape

_ROWS = 1024  # compared with all others at a time: 200 MB for 50,000 images


def alignment(first: Tensor, second: Tensor) -> float:
    """Mean squared distance between L2-normalized features of two views of the same images.

    Args:
        first: (N, D), for instance of one noise draw.
        second: (N, D), the same images in the same order.

    Returns:
        0 (the noise changes nothing) to 4 (opposite).

    Raises:
        ValueError: Other shapes, or no image.
    """
    of_shape('two views of the same images', first, 'N', 'D')
    of_shape('two views of the same images', second, *first.shape)
    difference = F.normalize(first.float(), dim=1) - F.normalize(second.float(), dim=1)
    return float(difference.square().sum(1).mean())


def uniformity(features: Tensor) -> float:
    """Log of the mean of exp(-2 d^2) over all pairs of different L2-normalized features.

    Args:
        features: (N, D) of N >= 2 images; d is the distance of two of them.

    Returns:
        -8 (all pairs opposite, which only two can be) to 0 (all in one place).

    Raises:
        ValueError: Another shape, or fewer than 2 images.
    """
    integer('N of features (N, D)', len(of_shape('features', features, 'N', 'D')), 2)
    rows = F.normalize(features.float(), dim=1)
    total = torch.zeros((), dtype=torch.float64, device=rows.device)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        kernel = (4 * (part @ rows.T) - 4).exp()  # d^2 = 2 - 2 cos
        kernel[torch.arange(len(part)), torch.arange(start, start + len(part))] = 0
        total += kernel.sum(dtype=torch.float64)
    return math.log(float(total) / (len(rows) * (len(rows) - 1)))
