# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hair: behind the head, on it, and in front of the face."""

import cv2
import numpy as np

from mmdiffrep.datasets.toyfaces.draw.scene import Scene
from mmdiffrep.datasets.toyfaces.materials import Material as M


def _growth(scene: Scene) -> float:
    """Return the thickness of the hair, in half face widths."""
    face = scene.face
    return (0.0, 0.07, 0.1, 0.12)[face.hair_length] + face.hair_volume * (
        0.32 if face.curly else 0.12
    )


def _outline(scene: Scene, grow: float) -> np.ndarray:
    """Return the silhouette (N, 2) of the head with its hair."""
    angles = np.linspace(-np.pi, np.pi, 40, endpoint=False)
    radii = np.array((1.03, 1.3, 1.25)) + grow
    outline = scene.geometry.ellipsoid((0, -0.3, -0.85), radii, angles)
    if scene.face.curly and scene.face.hair_length:
        center = outline.mean(0)
        bumps = 1 + scene.rng.uniform(-0.02, 0.05, len(outline))
        outline = center + (outline - center) * bumps[:, None]
    return outline


def hairline(scene: Scene) -> np.ndarray:
    """Return the hairline (N, 2) from the image's right to its left."""
    angles = np.linspace(np.pi, 0, 17)[1:-1]
    return scene.geometry.outline(angles, -scene.face.forehead, 2.7)


def back_hair(scene: Scene) -> None:
    """Paint the hair that falls behind the neck."""
    face = scene.face
    if face.hair_length < 2:
        return
    grow = _growth(scene)
    end = 1.15 + 0.35 * face.hair_volume if face.hair_length == 2 else 2.7
    flare = 0.25 + 0.35 * face.hair_volume
    y = np.array((-0.9, -0.2, 0.5, 0.5 * (end + 0.5), end))
    x = np.array((0.95, 1.1, 1.12, 1.1 + flare * 0.6, 1.0 + flare)) + grow
    x = x + scene.rng.normal(0, 0.04, 5)
    right = np.column_stack((x, y))
    left = np.column_stack((-x[::-1] + scene.rng.normal(0, 0.04, 5), y[::-1]))
    points = np.vstack((((0, -1.45 - grow),), right, ((0, end + 0.1),), left))
    outline = scene.geometry.project(np.column_stack((points, np.full(len(points), -1.0))))
    scene.canvas.blob(outline, M.HAIR_BACK)


def cranium(scene: Scene) -> None:
    """Paint the head behind the face: hair, or the scalp of a bald head."""
    length = scene.face.hair_length
    material = M.HAIR if length else M.SCALP
    scene.canvas.blob(_outline(scene, _growth(scene)), material)


def front_hair(scene: Scene) -> None:
    """Paint the hair in front of shoulders and forehead."""
    face = scene.face
    if face.hair_length >= 2 and not face.tucked:
        end = 1.15 + 0.3 * face.hair_volume if face.hair_length == 2 else 2.7
        grow = _growth(scene)
        for side in (-1, 1):
            scene.canvas.blob(_lock(scene, side, grow, end), M.HAIR_FRONT)
    if face.fringe:
        _fringe(scene)


def _lock(scene: Scene, side: int, grow: float, end: float) -> np.ndarray:
    """Return the outline (N, 2) of the hair that falls in front of one shoulder."""
    y = np.array((-0.95, -0.5, 0.0, 0.6, 0.5 * (0.6 + end), end))
    inner = np.array((0.6, 0.79, 0.84, 0.81, 0.76, 0.84))
    outer = np.array((0.85, 1.05, 1.12, 1.16, 1.22, 1.2)) + grow
    depth = np.array((-0.5, -0.55, -0.6, -0.65, -0.7, -0.7))
    inner = inner + scene.rng.normal(0, 0.03, len(y))
    inward = np.column_stack((side * inner, y, depth))
    outward = np.column_stack((side * outer, y, depth - 0.3))
    return scene.geometry.project(np.vstack((inward, outward[::-1])))


def _fringe(scene: Scene) -> None:
    """Paint the hair that covers a part of the forehead."""
    face, geometry = scene.face, scene.geometry
    top = hairline(scene)
    part = face.fringe_side
    x = np.linspace(-0.93, 0.93, 15)
    if abs(part) < 0.4:  # straight across the forehead
        low = -0.5 + 0.12 * face.hair_volume + scene.rng.uniform(-0.05, 0.06, 15)
    else:  # swept away from the parting
        reach = np.clip((x - part) * -np.sign(part) + 0.15, 0, 2)
        low = -face.forehead + 0.05 + 0.42 * reach**0.8
        low = np.minimum(low, -0.32) + scene.rng.uniform(-0.03, 0.03, 15)
    edge = np.column_stack((x, low))
    edge[[0, -1], 1] = np.minimum(edge[[0, -1], 1], -0.25)
    lower = geometry.on_surface(edge, 0.06)
    lift = (geometry.project(np.array((0, -1.3, -0.4))) - geometry.origin) * 0.12
    upper = top[::-1] + lift
    for k in range(len(x) - 1):  # strips: the whole may fold over itself on the far side
        strip = np.vstack((lower[k : k + 2], upper[k : k + 2])).astype(np.float32)
        scene.canvas.fill(cv2.convexHull(strip)[:, 0], M.HAIR_FRONT)
