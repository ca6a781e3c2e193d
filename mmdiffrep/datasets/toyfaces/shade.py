# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Shade flat materials: light, texture, background and camera noise."""

import math

import cv2
import numpy as np

from mmdiffrep.datasets.toyfaces.canvas import FRACTION_BITS, fixed_point
from mmdiffrep.datasets.toyfaces.face import Face
from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry, smooth_closed
from mmdiffrep.datasets.toyfaces.landmarks import BROWS, EYES, LIPS_OUTER, NOSE_BASE, NOSE_RIDGE


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel centers in image widths: x (1, size) and y (size, 1)."""
    line = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return line[None, :], line[:, None]


def _noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """Return smooth noise (size, size) of unit deviation with ``cells`` x ``cells`` cells."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


def _soft(size: int, sigma: float, shapes: tuple[tuple[np.ndarray, int], ...]) -> np.ndarray:
    """Return blurred polygons (size, size) in 0..1; ``sigma`` in image widths."""
    layer = np.zeros((size, size), np.uint8)
    for points, value in shapes:
        fixed = fixed_point(points, size)
        cv2.fillPoly(layer, [fixed], value, cv2.LINE_AA, FRACTION_BITS)
    return cv2.GaussianBlur(layer, (0, 0), max(sigma * size, 0.4)).astype(np.float32) / 255


def background(face: Face, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the background, (size, size, 3) float32 RGB in 0..255."""
    x, y = _grid(size)
    angle = face.background_angle
    along = math.cos(angle) * (x - 0.5) + math.sin(angle) * (y - 0.5)
    share = np.clip(along + 0.5, 0, 1)
    if face.background_kind == 2:
        share = 0.5 + 0.4 * np.sin(along * (12 + 20 * face.texture))
    elif face.background_kind == 3:
        edge = 0.012 + 0.03 * rng.random()
        share = 1 / (1 + np.exp(-np.clip(along - 0.25 + 0.5 * rng.random(), -0.5, 0.5) / edge))
    share = share + 0.2 * face.texture * _noise(rng, 5, size)
    first, second = (np.array(c, np.float32) for c in face.background)
    picture = first + np.clip(share, 0, 1)[..., None] * (second - first)
    if face.background_kind == 1:
        for _ in range(7):
            center, radius = rng.random(2).tolist(), rng.uniform(0.04, 0.16)
            color = np.clip(rng.uniform(60, 255) + rng.normal(0, 40, 3), 0, 255)
            distance = np.hypot(x - center[0], y - center[1])
            disc = np.clip((radius - distance) / 0.02, 0, 1) * rng.uniform(0.25, 0.8)
            picture += disc[..., None] * (color.astype(np.float32) - picture)
    grain = _noise(rng, 30, size) * (1 + 5 * face.texture**2)
    return picture + grain[..., None]


def _lambert(face: Face, geometry: HeadGeometry, size: int) -> np.ndarray:
    """Return the diffuse light (size, size) on an ellipsoid at the head's position, about 1."""
    x, y = _grid(size)
    center = geometry.project(np.array((0.0, 0.15, -0.6))).tolist()
    a = (x - center[0]) / (1.35 * face.scale)
    b = np.minimum((y - center[1]) / (2.0 * face.scale), 0.72)
    a, b = np.broadcast_arrays(a, b)
    squared = np.minimum(a * a + b * b, 0.92)
    depth = np.sqrt(1 - squared)
    lit = np.maximum(a * face.light[0] + b * face.light[1] + depth * face.light[2], 0)
    strength = 1.15 - face.ambient
    return face.ambient + strength * lit


def _hair_tone(
    face: Face, geometry: HeadGeometry, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the tone of strands (size, size) about 0, to be added to 1."""
    if face.curly:
        return 0.13 * _noise(rng, 48, size) + 0.05 * _noise(rng, 18, size)
    x, y = _grid(size)
    crown = geometry.project(np.array((0.25 * face.fringe_side, -1.5, -0.4))).tolist()
    a, b = (x - crown[0]) / face.scale, (y - crown[1]) / face.scale
    flow = 26 * np.arctan2(a, b + 0.9) + 5 * np.hypot(a, b) * math.copysign(1, face.fringe_side)
    octaves = rng.uniform(0, 2 * np.pi, 4).tolist()
    tone = 0.45 * np.sin(flow + octaves[0] + 1.5 * b)
    tone = tone + 0.35 * np.sin(2.3 * flow + octaves[1]) * np.sin(1.7 * b + octaves[3])
    tone = tone + 0.3 * np.sin(4.1 * flow + octaves[2])
    shine = np.exp(-(((b - 0.5) / 0.32) ** 2)) - 0.3
    return 0.16 * tone + 0.17 * shine * (1.4 - face.texture)


def _relief(face: Face, geometry: HeadGeometry, points: np.ndarray, size: int) -> np.ndarray:
    """Return soft shadows and lights of the features, factors (size, size, 3) about 1."""
    unit = face.scale
    towards = np.array(face.light[:2])
    sockets, cheeks, lights, wide, fine = [], [], [], [], []
    for side in (0, 1):
        brow, eye = points[BROWS[side]], points[EYES[side]]
        sockets.append((np.vstack((brow, eye[4:][::-1] if side == 0 else eye[4:])), 150))
    nose = np.vstack((points[NOSE_RIDGE], points[NOSE_BASE]))
    away = -towards * 0.16 * unit
    wing = np.vstack((points[NOSE_RIDGE][1:], (points[NOSE_BASE] + away)[::-1]))
    wide.append((cv2.convexHull(wing.astype(np.float32))[:, 0], 120))
    base = points[NOSE_BASE]
    down = geometry.project(np.array((0, 1, 0))) - geometry.project(np.array((0, 0, 0)))
    fine.append((np.vstack((base, base[::-1] + 0.1 * down)), 200))
    lips = points[LIPS_OUTER]
    fine.append((np.vstack((lips[7:11], lips[10:6:-1] + 0.12 * down)), 130))
    jaw = points[4:29]
    chin = np.vstack((jaw, jaw[::-1] + 0.42 * down))
    ridge = points[NOSE_RIDGE]
    across = geometry.project(np.array((0.06, 0, 0))) - geometry.project(np.array((0, 0, 0)))
    lights.append((np.vstack((ridge - across, (ridge + across)[::-1])), 190))
    for side in (-1, 1):
        spot = np.array(((0.4, 0.42), (0.72, 0.4), (0.7, 0.68), (0.42, 0.68))) * (side, 1)
        cheeks.append((smooth_closed(geometry.on_surface(spot)), 255))
        fold = np.array(((0.25, 0.66), (0.47, 0.95), (0.43, 0.98), (0.2, 0.7))) * (side, 1)
        fine.append((geometry.on_surface(fold), int(40 + 90 * max(face.smile, 0))))
    brow_light = np.array(((-0.4, -0.75), (0.4, -0.75), (0.35, -0.5), (-0.35, -0.5)))
    lights.append((geometry.on_surface(brow_light), 110))
    dark = 0.42 * _soft(size, 0.085 * unit, tuple(sockets))
    dark = dark + 0.5 * _soft(size, 0.07 * unit, tuple(wide))
    dark = dark + 0.42 * _soft(size, 0.045 * unit, tuple(fine))
    shadow = _soft(size, 0.06 * unit, ((chin, 120),))
    face_shape = _soft(size, 0.0, ((points[0:33], 255),))
    dark = dark + 0.6 * shadow * (1 - face_shape)
    light = 0.16 * _soft(size, 0.07 * unit, tuple(lights)) + 0.06 * _soft(
        size, 0.06 * unit, ((nose, 160),)
    )
    blush = _soft(size, 0.16 * unit, tuple(cheeks)) * (0.16 if face.makeup else 0.08)
    factors = np.repeat((1 - dark + light)[..., None], 3, axis=2)
    factors[..., 0] += 0.35 * dark * 0.3
    factors[..., 1] -= blush
    factors[..., 2] -= 0.8 * blush
    if face.makeup:
        lids = tuple((np.vstack((points[BROWS[s]][5:], points[EYES[s]][:5])), 170) for s in (0, 1))
        shade = _soft(size, 0.05 * unit, lids)
        color = 0.35 * np.array((0.7, 1.0, 0.8)) if face.texture > 0.6 else 0.4 * np.ones(3)
        factors *= 1 - shade[..., None] * color
    return factors


def shade(
    flat: np.ndarray,
    cover: np.ndarray,
    hair: np.ndarray,
    skin: np.ndarray,
    face: Face,
    geometry: HeadGeometry,
    landmarks: np.ndarray,
) -> np.ndarray:
    """Light a flat picture.

    Args:
        flat: (size, size, 3) float32 RGB in 0..255, the materials' colors, background black.
        cover: (size, size) in 0..1, how much of the pixel is not background.
        hair: (size, size) in 0..1, how much of it is hair.
        skin: (size, size) in 0..1, how much of it belongs to face and neck.
        face: The face.
        geometry: The posed head.
        landmarks: (98, 2) in image widths.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    size = flat.shape[0]
    rng = np.random.Generator(np.random.PCG64([face.texture_seed, 1]))
    light = _lambert(face, geometry, size)
    factors = _relief(face, geometry, landmarks, size) - 1
    factors *= skin[..., None]
    tone = hair * _hair_tone(face, geometry, size, rng)
    mottle = 0.022 * _noise(rng, 40, size) + 0.025 * _noise(rng, 9, size)
    factors += (1 + tone + mottle * (1 - hair))[..., None]
    picture = flat * factors * light[..., None]
    picture += (1 - cover)[..., None] * background(face, size, rng)
    picture *= np.array(face.tint, np.float32)
    if face.blur * size > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), face.blur * size)
    picture += face.noise * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)
