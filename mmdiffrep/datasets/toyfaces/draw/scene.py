# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""State shared by all parts of a drawing: the face, its posed head, and the canvas."""

import numpy as np

from mmdiffrep.datasets.toyfaces.canvas import Canvas
from mmdiffrep.datasets.toyfaces.face import Face
from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry

SIDES: tuple[tuple[int, str], ...] = ((-1, 'R'), (1, 'L'))
"""Sign of x and the prefix of the materials; the image's left is the person's right."""


class Scene:
    """A face that is being drawn.

    Args:
        face: What to draw.
        geometry: The posed head.
        landmarks: (98, 2) in image widths.
        size: Side of the canvas in pixels.
        pixel: Width of one pixel of the final image, in image widths; no line is thinner.
    """

    def __init__(
        self,
        face: Face,
        geometry: HeadGeometry,
        landmarks: np.ndarray,
        size: int,
        pixel: float,
    ) -> None:
        self.face = face
        self.geometry = geometry
        self.landmarks = landmarks
        self.pixel = pixel
        self.canvas = Canvas(size)
        self.lens = Canvas(size)
        self.rng = np.random.Generator(np.random.PCG64(face.texture_seed))

    def width(self, half_faces: float) -> float:
        """Return a line width in image widths, at least one final pixel."""
        return max(half_faces * self.face.scale, self.pixel)
