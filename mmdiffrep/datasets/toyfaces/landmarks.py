# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The 98 landmarks of a toy face, in the order of WFLW.

0-32 jaw from the image's left to its right, 33-41 and 42-50 brows, 51-54 bridge and 55-59 lower
edge of the nose, 60-67 and 68-75 eyes, 76-87 outer and 88-95 inner edge of the lips, 96 and 97
pupils (order: mmpose ``configs/_base_/datasets/wflw.py``).
"""

import numpy as np

from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry

JAW = slice(0, 33)
BROWS = (slice(33, 42), slice(42, 51))
NOSE_RIDGE = slice(51, 55)
NOSE_BASE = slice(55, 60)
EYES = (slice(60, 68), slice(68, 76))
LIPS_OUTER = slice(76, 88)
LIPS_INNER = slice(88, 96)
PUPILS = (96, 97)

# The eye at the image's left, from its outer corner over the upper lid and back: x, y.
_EYE = np.array(
    (
        (-0.215, 0.0),
        (-0.12, -0.085),
        (0.0, -0.11),
        (0.12, -0.07),
        (0.2, 0.025),
        (0.11, 0.065),
        (0.0, 0.08),
        (-0.12, 0.06),
    )
)
# The brow at the image's left: upper edge from the outer end inwards, lower edge back.
_BROW_X = np.array((-0.33, -0.2, -0.05, 0.1, 0.24, 0.23, 0.1, -0.05, -0.2))
_BROW_EDGE = np.array((0.3, -0.35, -0.5, -0.5, -0.45, 0.5, 0.5, 0.45, 0.35))


def jaw_angles() -> np.ndarray:
    """Return the angles (33,) of the jaw landmarks for `HeadGeometry.outline`."""
    return np.linspace(0, np.pi, 33)


def _brow(geometry: HeadGeometry) -> np.ndarray:
    face = geometry.face
    x = _BROW_X
    middle = -face.brow_height - face.brow_raise - face.brow_arch * (1 - ((x + 0.05) / 0.3) ** 2)
    return np.column_stack((x - face.eye_spacing, middle + _BROW_EDGE * 0.13 * face.brow_thickness))


def _eye(geometry: HeadGeometry) -> np.ndarray:
    face = geometry.face
    points = _EYE * face.eye_size
    points[:, 1] = points[:, 1] * face.eye_open + (1 - min(face.eye_open, 1)) * 0.05
    points[:, 1] += face.eye_tilt * points[:, 0] * 6
    return points - (face.eye_spacing, 0)


def _mirror(points: np.ndarray, order: np.ndarray) -> np.ndarray:
    return (points * (-1, 1))[order]


def _mouth(geometry: HeadGeometry) -> np.ndarray:
    face = geometry.face
    wide = face.mouth_width * (1 + 0.16 * face.smile - 0.1 * face.mouth_open)
    full, gap = face.lip_fullness, face.mouth_open
    drop = 0.3 * gap
    upper_x = np.array((-1.0, -0.64, -0.25, 0.0, 0.25, 0.64))
    upper_y = np.array((0.0, -0.07, -0.115, -0.09, -0.115, -0.07)) * full
    upper_y[1:] -= 0.02 * gap
    lower_x = np.array((1.0, 0.62, 0.3, 0.0, -0.3, -0.62))
    lower_y = np.array((0.0, 0.095, 0.145, 0.155, 0.145, 0.095)) * full
    lower_y = lower_y + drop * np.array((0.0, 0.75, 1.0, 1.05, 1.0, 0.75))
    inner_x = np.array((-0.9, -0.42, 0.0, 0.42, 0.9, 0.42, 0.0, -0.42))
    inner_y = np.array((0.0, -0.012, 0.0, -0.012, 0.0, 0.012, 0.016, 0.012))
    inner_y = inner_y + gap * np.array((0, -0.02, -0.02, -0.02, 0, 0.27, 0.3, 0.27))
    x = np.concatenate((upper_x, lower_x, inner_x))
    y = np.concatenate((upper_y, lower_y, inner_y))
    y = y - face.smile * 0.13 * (np.abs(x) ** 2 - 0.3)
    return np.column_stack((x * wide, y + face.mouth_height))


def _nose(geometry: HeadGeometry) -> np.ndarray:
    face = geometry.face
    long, wide = face.nose_length, face.nose_width
    ridge = ((0, 0.02, 0.05), (0, 0.32, 0.17), (0, 0.62, 0.29), (0, 0.88, 0.38))
    base = (
        (-0.2, 1.03, 0.14),
        (-0.1, 1.09, 0.24),
        (0.0, 1.12, 0.27),
        (0.1, 1.09, 0.24),
        (0.2, 1.03, 0.14),
    )
    return np.array(ridge + base) * (wide, long, 1)


def face_landmarks(geometry: HeadGeometry) -> np.ndarray:
    """Return the landmarks of a face.

    Args:
        geometry: The posed head.

    Returns:
        (98, 2) x and y in image widths.
    """
    face = geometry.face
    mirrored_brow = np.array((4, 3, 2, 1, 0, 8, 7, 6, 5))
    mirrored_eye = np.array((4, 3, 2, 1, 0, 7, 6, 5))
    points = np.empty((98, 2))
    points[JAW] = geometry.outline(jaw_angles(), face.chin + 0.1 * face.mouth_open, face.jaw_square)
    brow, eye, mouth = _brow(geometry), _eye(geometry), _mouth(geometry)
    points[BROWS[0]] = geometry.on_surface(brow, 0.02)
    points[BROWS[1]] = geometry.on_surface(_mirror(brow, mirrored_brow), 0.02)
    points[51:60] = geometry.project(_nose(geometry))
    points[EYES[0]] = geometry.on_surface(eye, -0.04)
    points[EYES[1]] = geometry.on_surface(_mirror(eye, mirrored_eye), -0.04)
    points[76:96] = geometry.on_surface(mouth, 0.1)
    for pupil, side in zip(PUPILS, EYES):
        corners = points[side]
        middle = corners.mean(0)
        across = (corners[[0, 4]].max(0) - corners[[0, 4]].min(0))[0] / 2
        shift = np.array((0.45 * across * face.gaze[0], 0.2 * across * face.gaze[1]))
        points[pupil] = middle + shift * min(face.eye_open, 1)
    return points
