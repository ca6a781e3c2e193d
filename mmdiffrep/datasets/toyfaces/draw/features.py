# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The face itself: skin, beard, ears, nose, mouth, eyes and brows."""

import cv2
import numpy as np

from mmdiffrep.datasets.toyfaces.canvas import Canvas, superellipse
from mmdiffrep.datasets.toyfaces.draw.hair import hairline
from mmdiffrep.datasets.toyfaces.draw.scene import SIDES, Scene
from mmdiffrep.datasets.toyfaces.geometry import smooth_closed
from mmdiffrep.datasets.toyfaces.landmarks import (
    BROWS,
    EYES,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE_BASE,
    NOSE_RIDGE,
    PUPILS,
)
from mmdiffrep.datasets.toyfaces.materials import Material as M


def ears(scene: Scene) -> None:
    """Paint the ears that are in sight."""
    face = scene.face
    if face.hair_length >= 2 and not face.tucked:
        return
    shape = np.array(
        (
            (0.96, -0.02, -0.98),
            (1.06, -0.17, -1.15),
            (1.15, -0.1, -1.32),
            (1.15, 0.15, -1.34),
            (1.08, 0.42, -1.2),
            (1.0, 0.56, -1.02),
            (0.93, 0.5, -0.9),
        )
    ) * (face.jaw_width, 1, 1)
    inner = shape.mean(0) + (shape - shape.mean(0)) * 0.5 + (0.02, 0, 0)
    for side, name in SIDES:
        if side * face.yaw > 22:  # behind the head
            continue
        mirror = np.array((side, 1, 1))
        scene.canvas.blob(scene.geometry.project(shape * mirror), M[f'{name}_EAR'])
        scene.canvas.blob(scene.geometry.project(inner * mirror), M[f'{name}_EAR_INNER'])


def skin(scene: Scene) -> None:
    """Paint the face from the jaw to the hairline."""
    face, geometry = scene.face, scene.geometry
    jaw = scene.landmarks[0:33]
    if face.hair_length == 0:
        angles = np.linspace(np.pi, 0, 17)[1:-1]
        top = geometry.outline(angles, -1.2, 2.2)
    else:
        top = hairline(scene)
    scene.canvas.fill(np.vstack((jaw, top)), M.SKIN)


def beard(scene: Scene) -> None:
    """Paint a moustache or a full beard."""
    face, geometry = scene.face, scene.geometry
    if not face.beard:
        return
    mouth = scene.landmarks[LIPS_OUTER]
    y, wide = face.mouth_height, face.mouth_width
    if face.beard == 2:
        edge = geometry.outline(
            np.linspace(0.05, np.pi - 0.05, 25),
            face.chin + 0.1 * face.mouth_open + 0.05,
            face.jaw_square,
        )
        cheek = (
            (0.83, 0.5),
            (0.7, 0.72),
            (0.52, 0.86),
            (wide + 0.1, y - 0.12),
            (0.14, y - 0.22),
        )
        cheek = np.array(cheek)
        line = np.vstack((cheek, (cheek * (-1, 1))[::-1]))
        shape = Canvas(scene.canvas.size)
        shape.fill(np.vstack((edge, geometry.on_surface(line, 0.04))), 1)
        scene.canvas.clipped(shape, M.BEARD, (M.SKIN, M.NECK))
    else:
        half = np.array(((0.02, y - 0.23), (0.2, y - 0.22), (wide + 0.04, y - 0.03)))
        half = np.vstack((half, ((wide + 0.02, y + 0.03), (0.2, y - 0.05))))
        line = np.vstack((half, (half * (-1, 1))[::-1]))
        scene.canvas.fill(geometry.on_surface(line, 0.09), M.BEARD)
    scene.canvas.fill(smooth_closed(mouth), M.SKIN)


def nose(scene: Scene) -> None:
    """Paint the nose and its nostrils."""
    face, geometry, points = scene.face, scene.geometry, scene.landmarks
    sides = np.array(
        (
            (0.1, 0.0, 0.0),
            (0.12, 0.45, 0.09),
            (0.21, 0.78, 0.1),
            (0.265, 0.93, 0.07),
            (0.23, 1.03, 0.08),
        )
    ) * (face.nose_width, face.nose_length, 1)
    edges = [geometry.project(sides * (side, 1, 1)) for side in (-1, 1)]
    cloud = np.vstack((*edges, points[NOSE_RIDGE], points[NOSE_BASE]))
    hull = cv2.convexHull(cloud.astype(np.float32))[:, 0]
    scene.canvas.fill(hull, M.NOSE)
    for side in (-1, 1):
        nostril = np.array((0.115 * face.nose_width, 1.035 * face.nose_length, 0.22))
        center = geometry.project(nostril * (side, 1, 1))
        radii = (0.055 * face.scale * face.nose_width, 0.032 * face.scale)
        scene.canvas.fill(superellipse(tuple(center), radii, 2, 12), M.NOSTRIL)


def mouth(scene: Scene) -> None:
    """Paint the lips and, in an open mouth, the teeth and the inside."""
    canvas, points = scene.canvas, scene.landmarks
    outer, inner = points[LIPS_OUTER], points[LIPS_INNER]
    canvas.blob(outer, M.L_LIP)
    upper = np.vstack((outer[:7], inner[4::-1]))
    canvas.fill(upper, M.U_LIP)
    if scene.face.mouth_open <= 0.12:
        canvas.line(inner[:5], M.LIP_LINE, 0.02 * scene.face.scale)
        return
    hole = Canvas(canvas.size)
    hole.fill(smooth_closed(inner), 1)
    lips = (M.U_LIP, M.L_LIP)
    canvas.clipped(hole, M.MOUTH, lips)
    down = inner[6] - inner[2]
    teeth = Canvas(canvas.size)
    share = min(0.6, 0.11 * scene.face.scale / max(np.linalg.norm(down), 1e-6))
    teeth.fill(np.vstack((inner[0:5], inner[4::-1] + down * share)), 1)
    canvas.clipped(teeth, M.TEETH, (M.MOUTH,))
    tongue = Canvas(canvas.size)
    middle = inner[6] - 0.05 * down
    radii = (0.5 * scene.face.mouth_width * scene.face.scale, 0.35 * np.linalg.norm(down))
    tongue.fill(superellipse(tuple(middle), radii, 2), 1)
    canvas.clipped(tongue, M.TONGUE, (M.MOUTH,))


def eye(scene: Scene, side: int) -> None:
    """Paint the eye of ``side`` (0: the image's left)."""
    face, canvas, name = scene.face, scene.canvas, SIDES[side][1]
    points = scene.landmarks[EYES[side]]
    shape = Canvas(canvas.size)
    outline = smooth_closed(points)
    shape.fill(outline, 1)
    shape.line(points, 1, 0.0, closed=True)
    upper = points[:5]
    canvas.line(smooth_closed(points)[:17], M.LASHES, scene.width(0.05 + 0.03 * face.makeup))
    if face.makeup:
        tail = upper[0] if side == 0 else upper[4]
        away = tail - points.mean(0)
        canvas.line(np.vstack((tail, tail + 0.3 * away)), M.LASHES, scene.width(0.05))
    canvas.clipped(shape, M[f'{name}_EYE'], (M.SKIN, M.LASHES, M.NOSE, M.BEARD))
    pupil = scene.landmarks[PUPILS[side]]
    radius = 0.105 * face.eye_size * face.scale
    squeeze = max(0.6, np.cos(np.radians(face.yaw)))
    for part, share in (('IRIS', 1.0), ('PUPIL', 0.45)):
        disc = Canvas(canvas.size)
        radii = (radius * share * squeeze, radius * share)
        disc.fill(superellipse(tuple(pupil), radii, 2, 16), 1)
        canvas.clipped(disc, M[f'{name}_{part}'], (M[f'{name}_EYE'], M[f'{name}_IRIS']))
    if face.eye_open > 0.3:
        glint = pupil + radius * np.array((0.35 * np.sign(face.light[0]), -0.35))
        disc = Canvas(canvas.size)
        disc.fill(superellipse(tuple(glint), (0.028 * face.scale,) * 2, 2, 8), 1)
        canvas.clipped(disc, M[f'{name}_GLINT'], (M[f'{name}_IRIS'], M[f'{name}_PUPIL']))
    else:
        canvas.line(smooth_closed(points)[15:], M.LASHES, scene.width(0.04))


def brow(scene: Scene, side: int) -> None:
    """Paint the brow of ``side`` (0: the image's left)."""
    points = scene.landmarks[BROWS[side]]
    scene.canvas.blob(points, M[f'{SIDES[side][1]}_BROW'])
