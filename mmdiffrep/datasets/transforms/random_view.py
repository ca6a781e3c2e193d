# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A random part of an image, at one size."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from PIL import Image

from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.checks import integer, within

_ASPECT = math.log(4 / 3)  # of the part, either way: as in torchvision's RandomResizedCrop


@TRANSFORMS.register_module()
class RandomView(Transform):
    """Cut out a random part, resize it to a square, flip it at random.

    Cutting and resizing (bicubic, antialiased) are one step, so that no detail is lost between.

    - read and changed: ``img`` (H, W, 3) uint8; ``img_shape``
    - added: ``flip``

    Args:
        size (int): Side of the result in pixels.
        scale (sequence of float): Least and greatest share of the image's area, in (0, 1].
            Defaults to (0.35, 1.0). With (1.0, 1.0) it is the largest part of square shape.
        flip (float): Probability of a left-right flip, in [0, 1]. Defaults to 0.5.
    """

    channel_order: ClassVar[str] = 'same'

    def __init__(self, size: int, scale: Sequence[float] = (0.35, 1.0), flip: float = 0.5) -> None:
        self.size = integer('size', size, 1)
        low, high = (within('scale', value, 0, 1, open_low=True) for value in scale)
        if low > high:
            raise ValueError(f'scale must be (least, greatest), got {tuple(scale)}.')
        self.scale = (low, high)
        self.flip = within('flip', flip, 0, 1)

    def transform(self, results: dict) -> dict:
        """Take one view."""
        image = Image.fromarray(results['img'])
        view = image.resize(
            (self.size, self.size), Image.Resampling.BICUBIC, self._box(*image.size), 2.0
        )
        results['flip'] = bool(np.random.random() < self.flip)
        if results['flip']:
            view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        results['img'] = np.asarray(view)
        results['img_shape'] = (self.size, self.size)
        return results

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Draw a part as left, top, right, bottom in pixels."""
        if self.scale == (1.0, 1.0):
            wide = high = float(min(width, height))
        else:
            area = np.random.uniform(*self.scale) * width * height
            aspect = math.exp(np.random.uniform(-_ASPECT, _ASPECT))
            wide = min(width, math.sqrt(area * aspect))
            high = min(height, math.sqrt(area / aspect))
        left, top = np.random.uniform(0, width - wide), np.random.uniform(0, height - high)
        return left, top, left + wide, top + high

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, scale={self.scale}, flip={self.flip})'
