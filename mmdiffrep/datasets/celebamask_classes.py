# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The 19 CelebAMask-HQ classes: their order, their colors, and which of them are left/right pairs.

Plain data without any import of a host library, so that the preparation tool, the procedural faces
and the datasets share one definition.
"""

import re
from collections.abc import Sequence

CELEBAMASK_CLASSES: tuple[str, ...] = (
    'background',
    'skin',
    'nose',
    'eye_g',
    'l_eye',
    'r_eye',
    'l_brow',
    'r_brow',
    'l_ear',
    'r_ear',
    'mouth',
    'u_lip',
    'l_lip',
    'hair',
    'hat',
    'ear_r',
    'neck_l',
    'neck',
    'cloth',
)
"""Class names in the official order: the position is the label (``l_lip`` is the lower lip,
``ear_r`` an ear ring, ``neck_l`` a necklace)."""

CELEBAMASK_PALETTE: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0),
    (204, 0, 0),
    (76, 153, 0),
    (204, 204, 0),
    (51, 51, 255),
    (204, 0, 204),
    (0, 255, 255),
    (255, 204, 204),
    (102, 51, 0),
    (255, 0, 0),
    (102, 204, 0),
    (255, 255, 0),
    (0, 0, 153),
    (0, 0, 204),
    (255, 51, 153),
    (0, 204, 204),
    (0, 51, 0),
    (255, 153, 51),
    (0, 204, 0),
)
"""RGB colors of the classes, those of the data set's own coloring script."""

IGNORED_LABEL = 255
"""Label of pixels that belong to no class."""

_SIDED_NAME = re.compile(r'(l|r|left|right)[_\- ](.+)', re.IGNORECASE)


def left_right_pairs(classes: Sequence[str]) -> list[tuple[int, int]]:
    """Find the labels that trade places when a face is mirrored.

    A pair is two names that differ in their prefix only: ``l_eye`` and ``r_eye``, or ``left-ear``
    and ``right-ear``. A left name without its right one (``l_lip``, the lower lip) is not a pair.

    Args:
        classes: Class names; the position is the label.

    Returns:
        ``(left label, right label)`` pairs in the order of the left labels; empty when there are
        none.
    """
    sides: dict[str, dict[str, int]] = {'l': {}, 'r': {}}
    for label, name in enumerate(classes):
        match = _SIDED_NAME.fullmatch(name)
        if match:
            sides[match.group(1)[0].lower()][match.group(2).lower()] = label
    return [(left, sides['r'][part]) for part, left in sides['l'].items() if part in sides['r']]
