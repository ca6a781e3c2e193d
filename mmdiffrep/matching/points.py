# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Points of an image as users give them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmdiffrep.matching.nearest import Size
from mmdiffrep.utils.checks import equal

PointsInput = Tensor | np.ndarray | Sequence[Sequence[float]]


def check_points(points: PointsInput, size: Size) -> Tensor:
    """Check points (K, 2) against the image that they lie in, and return them as float32.

    Raises:
        ValueError: Another shape, or a point outside the image.
    """
    points = torch.as_tensor(np.asarray(points, dtype=np.float32))
    if not points.numel():
        points = points.view(0, 2)
    equal('The shape of each of points (x, y)', tuple(points.shape[1:]), (2,))
    height, width = size
    inside = (points >= 0).all(1) & (points[:, 0] <= width - 1) & (points[:, 1] <= height - 1)
    if not bool(inside.all()):
        worst = points[~inside][0].tolist()
        raise ValueError(
            f'{int((~inside).sum())} of {len(points)} points lie outside the source image of '
            f'{width} x {height} pixels, the first at {worst}; points are (x, y).'
        )
    return points
