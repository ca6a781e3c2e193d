# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Neck, clothes and necklace."""

import numpy as np

from mmdiffrep.datasets.toyfaces.canvas import Canvas, superellipse
from mmdiffrep.datasets.toyfaces.draw.scene import Scene
from mmdiffrep.datasets.toyfaces.materials import Material as M


def body(scene: Scene) -> None:
    """Paint shoulders, clothes, neck and necklace."""
    face, body, canvas = scene.face, scene.geometry.body, scene.canvas
    top = scene.geometry.project(
        np.array(((-face.neck_width, 0.7, -0.9), (face.neck_width, 0.7, -0.9)))
    )
    neck = face.neck_width
    slope = 1.95 + 0.12 * face.neckline
    shoulders = ((-2.6, 2.75), (-1.6, 2.3), (-neck - 0.12, slope))
    right = tuple((-x, y) for x, y in reversed(shoulders))
    torso = np.vstack((body(shoulders + right), body(((2.9, 5.0), (-2.9, 5.0)))))
    canvas.fill(torso, M.CLOTH)
    if face.cloth_pattern == 1:
        stripes = Canvas(canvas.size)
        for x in np.arange(-3, 3, 0.42):
            stripes.line(body(((x, 1.5), (x * 1.25, 5.0))), 1, 0.14 * face.scale)
        canvas.clipped(stripes, M.CLOTH_2, (M.CLOTH,))
    depth = 2.1 + 0.75 * face.neckline
    throat = np.vstack(
        (
            top,
            body(
                (
                    (neck, 1.6),
                    (neck + 0.1, slope - 0.02),
                    (0.42 * neck, 0.3 * slope + 0.7 * depth),
                    (0, depth),
                    (-0.42 * neck, 0.3 * slope + 0.7 * depth),
                    (-neck - 0.1, slope - 0.02),
                    (-neck, 1.6),
                )
            ),
        )
    )
    canvas.fill(throat, M.NECK)
    if face.cloth_pattern == 2:
        for side in (-1, 1):
            collar = np.array(((neck + 0.1, slope - 0.12), (0.04, depth), (0.5, depth + 0.35)))
            collar = np.vstack((collar, ((neck + 0.45, slope + 0.2),)))
            canvas.fill(body(collar * (side, 1)), M.CLOTH_2)
    if face.necklace:
        x = np.linspace(-1, 1, 13) * (neck + 0.02)
        sag = 1.72 + (0.2 + 0.22 * face.hair_volume) * (1 - (x / neck) ** 2)
        canvas.line(body(np.column_stack((x, sag))), M.NECKLACE, scene.width(0.06))
        canvas.fill(body(superellipse((0, sag[6] + 0.06), (0.09, 0.11), 2)), M.NECKLACE)
