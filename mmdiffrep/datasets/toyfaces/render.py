# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Render a toy face from (seed, index): image, mask, landmarks and attributes."""

from typing import NamedTuple

import cv2
import numpy as np

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces.draw import Scene, paint
from mmdiffrep.datasets.toyfaces.face import sample_face
from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry
from mmdiffrep.datasets.toyfaces.landmarks import face_landmarks
from mmdiffrep.datasets.toyfaces.materials import (
    CLASS_TABLE,
    FIRST_COVER,
    HAIR_MATERIALS,
    Material,
    material_colors,
)
from mmdiffrep.datasets.toyfaces.shade import shade
from mmdiffrep.utils.checks import integer

SUPERSAMPLING = 4

_SHADED_AS_SKIN = (
    'skin',
    'nose',
    'l_eye',
    'r_eye',
    'l_brow',
    'r_brow',
    'u_lip',
    'l_lip',
    'mouth',
    'neck',
)
_CLASSES_BEHIND_A_LENS = [CELEBAMASK_CLASSES.index(name) for name in ('skin', 'nose', 'hair')]
_IS_COVER = np.array([m != Material.BACKGROUND for m in Material])
_IS_HAIR = np.array([m in (*HAIR_MATERIALS, Material.BEARD) for m in Material])
_IS_SKIN = np.isin(CLASS_TABLE, [CELEBAMASK_CLASSES.index(name) for name in _SHADED_AS_SKIN])


class ToyFace(NamedTuple):
    """One rendered face.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        mask: (size, size) uint8, indices into `CELEBAMASK_CLASSES`.
        landmarks: (98, 2) float32 x, y in pixels, in WFLW's order; the center of the top left
            pixel is (0, 0).
        visible: (98,) bool, inside the image and not covered by hair, hat, dark glasses or an
            occluder.
        attributes: Attribute name -> class index, see `ATTRIBUTES`.
    """

    image: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    attributes: dict[str, int]


def render_face(seed: int, index: int, size: int = 64) -> ToyFace:
    """Render face ``index`` of the collection ``seed``.

    The same arguments always give the same face; another ``size`` gives the same face at another
    resolution (only the camera noise differs).

    Args:
        seed: Collection, a non-negative integer.
        index: Position in the collection, a non-negative integer.
        size: Side of the image in pixels, at least 32.

    Returns:
        The rendered face.

    Raises:
        ValueError: If an argument is out of range.
    """
    integer('seed', seed, 0)
    integer('index', index, 0)
    integer('size', size, 32)
    face = sample_face(seed, index)
    geometry = HeadGeometry(face)
    landmarks = face_landmarks(geometry)
    scene = Scene(face, geometry, landmarks, SUPERSAMPLING * size, 1 / size)
    paint(scene)
    materials = scene.canvas.pixels

    middle = slice(SUPERSAMPLING // 2, None, SUPERSAMPLING)
    mask = CLASS_TABLE[materials[middle, middle]]
    flat = cv2.LUT(cv2.merge((materials,) * 3), _full_table(material_colors(face))[None])
    if face.glasses == 1:
        lens = scene.lens.pixels > 0
        behind = np.isin(mask, _CLASSES_BEHIND_A_LENS)
        mask[lens[middle, middle] & behind] = CELEBAMASK_CLASSES.index('eye_g')
        flat[lens] = (0.93 * flat[lens] + 14).astype(np.uint8)

    def share(chosen: np.ndarray) -> np.ndarray:
        """Return the share of the chosen materials in each pixel, (size, size) in 0..1."""
        painted = cv2.LUT(materials, _full_table(255 * chosen.astype(np.uint8)))
        small = cv2.resize(painted, (size, size), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / 255

    image = shade(
        cv2.resize(flat, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32),
        cover=share(_IS_COVER),
        hair=share(_IS_HAIR),
        skin=share(_IS_SKIN),
        face=face,
        geometry=geometry,
        landmarks=landmarks,
    )
    pixels = landmarks * size - 0.5
    inside = ((landmarks > 0) & (landmarks < 1)).all(1)
    at = np.clip((landmarks * materials.shape[0]).astype(int), 0, materials.shape[0] - 1)
    visible = inside & (materials[at[:, 1], at[:, 0]] < FIRST_COVER)
    return ToyFace(image, mask, pixels.astype(np.float32), visible, face.attributes())


def _full_table(table: np.ndarray) -> np.ndarray:
    """Extend a table over the materials to OpenCV's 256 entries."""
    full = np.zeros((256, *table.shape[1:]), np.uint8)
    full[: len(table)] = table
    return full
