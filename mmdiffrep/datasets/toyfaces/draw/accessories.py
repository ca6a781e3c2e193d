# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Accessories on the head, and occluders in front of it."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmdiffrep.datasets.toyfaces.canvas import superellipse
from mmdiffrep.datasets.toyfaces.draw.scene import SIDES, Scene
from mmdiffrep.datasets.toyfaces.materials import Material as M


def glasses(scene: Scene) -> None:
    """Paint the glasses; clear lenses go to ``scene.lens``."""
    face, geometry, canvas = scene.face, scene.geometry, scene.canvas
    if not face.glasses:
        return
    width = scene.width(0.05)
    size = face.glasses_size
    rims = []
    for side in (-1, 1):
        rim = superellipse(
            (side * (face.eye_spacing + 0.02), 0.05),
            (0.33 * size, 0.25 * size),
            face.glasses_round,
        )
        bend = -0.25 * np.clip(np.abs(rim[:, 0]) - 0.3, 0, 1)
        rims.append(geometry.project(np.column_stack((rim, 0.14 + bend))))
        if side * face.yaw < 25:
            hinge = (side * (face.eye_spacing + 0.34 * size), 0.0, 0.0)
            temple = geometry.project(np.array((hinge, (side * 1.0, -0.04, -0.95))))
            canvas.line(temple, M.FRAME, width)
    inner = face.eye_spacing + 0.02 - 0.33 * size
    bridge = np.array(((-inner, 0.0, 0.16), (0, -0.04, 0.2), (inner, 0.0, 0.16)))
    canvas.line(geometry.project(bridge), M.FRAME, width)
    for rim in rims:
        if face.glasses == 2:
            canvas.fill(rim, M.DARK_LENS)
        else:
            scene.lens.fill(rim, 1)
        canvas.line(rim, M.FRAME, width, closed=True)


def hat(scene: Scene) -> None:
    """Paint a beanie, a cap or a hat with a brim."""
    face, geometry, canvas = scene.face, scene.geometry, scene.canvas
    if not face.hat:
        return
    angles = np.linspace(-np.pi, 0, 21)
    grow = 0.14 + 0.1 * face.hair_volume
    radii = np.array((1.05, 1.32, 1.27)) + grow
    dome = geometry.ellipsoid((0, -0.32, -0.85), radii, angles)
    ring = np.linspace(0, 2 * np.pi, 32, endpoint=False)

    def circle(y: float, side: float, front: float) -> np.ndarray:
        tilt = y + 0.18 * np.sin(ring) * -1
        return geometry.project(
            np.column_stack((side * np.cos(ring), tilt, -0.85 + front * np.sin(ring)))
        )

    half = radii[0] * 0.97
    deep = radii[2] * 0.94
    line = -0.5 if face.hat != 2 else -0.55
    low = circle(line, half, deep)
    high = circle(line - 0.3, half, deep)
    up = geometry.project(np.array((0, -1, -0.85))) - geometry.project(np.array((0, 0, -0.85)))
    middle = geometry.project(np.array((0, line, -0.85)))
    above = dome[(dome - middle) @ up > 0]
    if face.hat == 3:
        brim = circle(line + 0.02, half + 0.75, deep + 0.55)
        canvas.fill(brim, M.HAT)
    hull = cv2.convexHull(np.vstack((low, above)).astype(np.float32))[:, 0]
    canvas.fill(hull, M.HAT_BAND if face.hat != 2 else M.HAT)
    if face.hat != 2:
        hull = cv2.convexHull(np.vstack((high, above)).astype(np.float32))[:, 0]
        canvas.fill(hull, M.HAT)
    else:
        front = ring[(np.sin(ring) > 0.25)]
        rim = np.column_stack((half * np.cos(front), line - 0.18 * np.sin(front), np.sin(front)))
        rim[:, 2] = -0.85 + deep * rim[:, 2]
        peak = rim * (0.95, 1, 1) + np.column_stack(
            (np.zeros(len(front)), 0.24 * np.sin(front), 0.75 * np.sin(front) ** 2)
        )
        canvas.fill(geometry.project(np.vstack((rim, peak[::-1]))), M.HAT_BAND)


def earrings(scene: Scene) -> None:
    """Paint the visible earrings."""
    face = scene.face
    if not face.earrings or (face.hair_length >= 2 and not face.tucked):
        return
    for side, _ in SIDES:
        if side * face.yaw > 18:
            continue
        lobe = scene.geometry.project(np.array((side * 1.0 * face.jaw_width, 0.56, -1.0)))
        radius = max(0.075 * face.scale, 0.75 * scene.pixel)
        if face.hair_volume > 0.5:  # a hoop
            radius = max(0.16 * face.scale, 1.6 * scene.pixel)
            ring = superellipse((lobe[0], lobe[1] + radius), (radius * 0.75, radius), 2)
            scene.canvas.line(ring, M.EARRING, scene.width(0.045), closed=True)
        else:
            ring = superellipse((lobe[0], lobe[1] + radius), (radius, radius * 1.3), 2)
            scene.canvas.fill(ring, M.EARRING)


def occluder(scene: Scene) -> None:
    """Paint the bar, ball or hand that hides a part of the face."""
    face, canvas = scene.face, scene.canvas
    x, y, angle = face.occluder_place
    if face.occluder == 1:
        along = np.array((np.cos(angle), np.sin(angle)))
        across = np.array((-along[1], along[0])) * 0.045
        ends = np.array((x, y)) + np.outer((-2, 2), along)
        canvas.fill(np.vstack((ends - across, (ends + across)[::-1])), M.OCCLUDER)
    elif face.occluder == 2:
        canvas.fill(superellipse((x, y), (0.14, 0.14), 2), M.OCCLUDER)
    elif face.occluder == 3:
        _hand(scene, x, y, angle)


def _hand(scene: Scene, x: float, y: float, angle: float) -> None:
    """Return a hand that reaches up from the lower edge of the image."""
    unit = scene.face.scale
    tilt = 0.5 * angle
    turn = np.array(((np.cos(tilt), -np.sin(tilt)), (np.sin(tilt), np.cos(tilt))))
    base = np.array((x, max(y, 0.68)))

    def place(points: Sequence[tuple[float, float]]) -> np.ndarray:
        return base + unit * np.asarray(points) @ turn.T

    palm = ((-0.42, 0.0), (0.42, 0.0), (0.46, 0.5), (0.3, 1.0), (0.34, 3.0), (-0.34, 3.0))
    scene.canvas.blob(place((*palm, (-0.3, 1.0), (-0.46, 0.5))), M.OCCLUDER)
    fingers = ((-0.33, -0.55), (-0.11, -0.72), (0.11, -0.68), (0.33, -0.5), (-0.72, 0.05))
    for number, tip in enumerate(fingers):
        root = (tip[0] * 0.95, 0.15) if number < 4 else (-0.3, 0.5)
        scene.canvas.line(place((root, tip)), M.OCCLUDER_2, 0.25 * unit)
        scene.canvas.line(place((root, tip)), M.OCCLUDER, 0.19 * unit)
