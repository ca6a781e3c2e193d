# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Model of the head: points in space, turned by the pose and projected into the image.

Head coordinates: x to the image's right, y down, z to the viewer, in half face widths; the origin
lies between the eyes. The camera is orthographic.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from mmdiffrep.datasets.toyfaces.face import Face

PIVOT = np.array((0.0, 0.3, -0.9))
"""Center of rotation: about the top of the neck."""


class HeadGeometry:
    """Project head coordinates of one face into image widths.

    Args:
        face: The face whose pose, scale and proportions are used.
    """

    def __init__(self, face: Face) -> None:
        self.face = face
        yaw, pitch, roll = np.radians((face.yaw, face.pitch, face.roll))
        about_y = np.array(
            (
                (np.cos(yaw), 0, np.sin(yaw)),
                (0, 1, 0),
                (-np.sin(yaw), 0, np.cos(yaw)),
            )
        )
        about_x = np.array(
            (
                (1, 0, 0),
                (0, np.cos(pitch), np.sin(pitch)),
                (0, -np.sin(pitch), np.cos(pitch)),
            )
        )
        about_z = np.array(
            (
                (np.cos(roll), -np.sin(roll), 0),
                (np.sin(roll), np.cos(roll), 0),
                (0, 0, 1),
            )
        )
        self.rotation = about_z @ about_x @ about_y
        self.origin = np.array(face.center)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Convert head coordinates (..., 3) to image coordinates (..., 2) in image widths."""
        turned = (np.asarray(points, float) - PIVOT) @ self.rotation.T + PIVOT
        return self.origin + self.face.scale * turned[..., :2]

    def body(self, points: Sequence[tuple[float, float]]) -> np.ndarray:
        """Convert points (..., 2) of the upright body, relative to the neck, to image widths."""
        base = self.project(np.array((0.0, 1.3, -0.9)))
        return base + self.face.scale * (np.asarray(points, float) - (0.0, 1.3))

    def surface(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the depth z of the face's front at (x, y)."""
        side = 1 - np.sqrt(1 - np.clip(np.abs(x) / 1.05, 0, 0.98) ** 2)
        return -1.05 * side - 0.2 * np.clip(-0.3 - y, 0, 2) ** 2 - 0.12 * np.clip(y - 1.1, 0, 1)

    def on_surface(self, points: Sequence[tuple[float, float]], lift: float = 0.0) -> np.ndarray:
        """Project points (N, 2) that lie on the face's front, ``lift`` above the skin."""
        points = np.asarray(points, float)
        depth = self.surface(points[:, 0], points[:, 1]) + lift
        return self.project(np.column_stack((points, depth)))

    def outline(self, angles: np.ndarray, height: float, exponent: float) -> np.ndarray:
        """Return the visible edge of the face, where it turns away from the viewer.

        Each angle names a horizontal ring of the face, half an ellipse from the jaw line on one
        side over the front to the other side. On the near side the edge is the jaw line itself,
        on the far side it is where the ring is widest in the image.

        Args:
            angles: (N,) 0 is beside the eyes at the image's left, pi/2 the chin (``height`` > 0)
                or the hairline (``height`` < 0), pi beside the eyes at the image's right.
            height: Extent in y from the eyes.
            exponent: Of the superellipse; 2 is an ellipse.

        Returns:
            (N, 2) in image widths.
        """
        cos, sin = np.cos(angles), np.clip(np.sin(angles), 0, 1)
        half = np.abs(cos) ** (2 / exponent) * self.face.jaw_width
        y = height * sin ** (2 / exponent)
        if height > 0:
            front, back = -0.14 * sin**2, -1.05 + 0.9 * sin**2
        else:
            front, back = -0.25 * sin**2, -0.95 + 0.75 * sin
        back = np.minimum(back, front)
        ring = np.linspace(0, np.pi, 25)
        points = np.stack(
            (
                -half[:, None] * np.cos(ring),
                np.broadcast_to(y[:, None], (len(y), len(ring))),
                back[:, None] + (front - back)[:, None] * np.sin(ring),
            ),
            axis=-1,
        )
        turned_x = (points - PIVOT) @ self.rotation_without_roll()[0]
        edge = np.where(cos > 0, turned_x.argmin(1), turned_x.argmax(1))
        edge[np.abs(cos) < 1e-9] = len(ring) // 2  # the middle of the face is on neither side
        return self.project(points[np.arange(len(y)), edge])

    def rotation_without_roll(self) -> np.ndarray:
        """Return the head's rotation (3, 3) before it is tilted in the image plane."""
        roll = np.radians(self.face.roll)
        about_z = np.array(
            ((np.cos(roll), np.sin(roll), 0), (-np.sin(roll), np.cos(roll), 0), (0, 0, 1))
        )
        return about_z @ self.rotation

    def ellipsoid(
        self, center: Sequence[float], radii: Sequence[float], angles: np.ndarray
    ) -> np.ndarray:
        """Return the silhouette (N, 2) of an ellipsoid; angle 0 is the right, -pi/2 the top."""
        shape = self.rotation[:2] @ np.diag(np.square(radii)) @ self.rotation[:2].T
        direction = np.column_stack((np.cos(angles), np.sin(angles)))
        reach = direction @ shape
        offset = reach / np.sqrt(np.einsum('ij,ij->i', direction, reach))[:, None]
        return self.project(np.asarray(center, float)) + self.face.scale * offset


@cache
def _catmull_rom(count: int, steps: int) -> np.ndarray:
    """Return the matrix (count * steps, count) from the points of a closed curve to the curve."""
    t = np.arange(steps) / steps
    weights = 0.5 * np.stack(
        (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    )
    matrix = np.zeros((count, steps, count))
    for point in range(count):
        for offset, weight in zip((-1, 0, 1, 2), weights):
            matrix[point, :, (point + offset) % count] += weight
    return matrix.reshape(count * steps, count)


def smooth_closed(points: np.ndarray, steps: int = 4) -> np.ndarray:
    """Return the closed Catmull-Rom curve (N * steps, 2) through the points (N, 2)."""
    return _catmull_rom(len(points), steps) @ points
