# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A canvas of materials, and the shapes drawn on it."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from mmdiffrep.datasets.toyfaces.geometry import smooth_closed

FRACTION_BITS = 4


def fixed_point(points: np.ndarray, size: int) -> np.ndarray:
    """Convert image widths (..., 2) to OpenCV's pixels with `FRACTION_BITS` binary places."""
    return np.rint((np.asarray(points) * size - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)


class Canvas:
    """A square canvas of materials, addressed in image widths.

    Args:
        size: Side in canvas pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pixels = np.zeros((size, size), np.uint8)

    def fill(self, points: np.ndarray, material: int) -> None:
        """Fill the polygon ``points`` (N, 2)."""
        cv2.fillPoly(
            self.pixels, [fixed_point(points, self.size)], int(material), shift=FRACTION_BITS
        )

    def blob(self, points: np.ndarray, material: int) -> None:
        """Fill the smooth closed curve through ``points`` (N, 2)."""
        self.fill(smooth_closed(points), material)

    def line(self, points: np.ndarray, material: int, width: float, closed: bool = False) -> None:
        """Draw a line of ``width`` image widths through ``points`` (N, 2)."""
        thickness = max(1, round(width * self.size))
        cv2.polylines(
            self.pixels,
            [fixed_point(points, self.size)],
            closed,
            int(material),
            thickness,
            shift=FRACTION_BITS,
        )

    def clipped(self, shape: 'Canvas', material: int, onto: Sequence[int]) -> None:
        """Paint where ``shape`` is 1 and this canvas shows one of the materials ``onto``."""
        x, y, width, height = cv2.boundingRect(shape.pixels)
        window = slice(y, y + height), slice(x, x + width)
        pixels = self.pixels[window]
        allowed = np.zeros(256, np.uint8)
        allowed[list(onto)] = 1
        pixels[(shape.pixels[window] & cv2.LUT(pixels, allowed)) > 0] = int(material)


@cache
def _unit_circle(count: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack((np.cos(angle), np.sin(angle)))


def superellipse(
    center: tuple[float, float], radii: tuple[float, float], exponent: float, count: int = 28
) -> np.ndarray:
    """Return points (count, 2) of an ellipse (``exponent`` 2) or a rounded box (more)."""
    unit = _unit_circle(count)
    rounded = np.sign(unit) * np.abs(unit) ** (2 / exponent)
    return np.array(center) + np.array(radii) * rounded
