# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Materials of a toy face, with color and segmentation class.

As in CelebAMask-HQ, ``l_`` is the person's left, at the image's right; facial hair is skin, and a
clear pair of glasses shows the eyes and brows behind it. Occluders in front of a face (a bar, a
ball, a hand) are background.
"""

from enum import IntEnum, auto

import numpy as np

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces.face import Face


class Material(IntEnum):
    """Value of a canvas pixel."""

    BACKGROUND = 0
    SKIN = auto()
    NOSE = auto()
    NOSTRIL = auto()
    L_EYE = auto()
    R_EYE = auto()
    L_IRIS = auto()
    R_IRIS = auto()
    L_PUPIL = auto()
    R_PUPIL = auto()
    L_GLINT = auto()
    R_GLINT = auto()
    LASHES = auto()
    L_BROW = auto()
    R_BROW = auto()
    L_EAR = auto()
    R_EAR = auto()
    L_EAR_INNER = auto()
    R_EAR_INNER = auto()
    MOUTH = auto()
    TEETH = auto()
    TONGUE = auto()
    U_LIP = auto()
    L_LIP = auto()
    LIP_LINE = auto()
    BEARD = auto()
    SCALP = auto()
    NECK = auto()
    CLOTH = auto()
    CLOTH_2 = auto()
    NECKLACE = auto()
    HAIR_BACK = auto()
    HAIR = auto()
    HAIR_FRONT = auto()
    FRAME = auto()
    DARK_LENS = auto()
    HAT = auto()
    HAT_BAND = auto()
    EARRING = auto()
    OCCLUDER = auto()
    OCCLUDER_2 = auto()


M = Material

FIRST_COVER = Material.HAIR_FRONT
"""Materials from here on hide a landmark that they cover."""

_CLASS_OF = {
    M.BACKGROUND: 'background',
    M.SKIN: 'skin',
    M.NOSE: 'nose',
    M.NOSTRIL: 'nose',
    M.LASHES: 'skin',
    M.MOUTH: 'mouth',
    M.TEETH: 'mouth',
    M.TONGUE: 'mouth',
    M.U_LIP: 'u_lip',
    M.L_LIP: 'l_lip',
    M.LIP_LINE: 'u_lip',
    M.BEARD: 'skin',
    M.SCALP: 'skin',
    M.NECK: 'neck',
    M.CLOTH: 'cloth',
    M.CLOTH_2: 'cloth',
    M.NECKLACE: 'neck_l',
    M.HAIR_BACK: 'hair',
    M.HAIR: 'hair',
    M.HAIR_FRONT: 'hair',
    M.FRAME: 'eye_g',
    M.DARK_LENS: 'eye_g',
    M.HAT: 'hat',
    M.HAT_BAND: 'hat',
    M.EARRING: 'ear_r',
    M.OCCLUDER: 'background',
    M.OCCLUDER_2: 'background',
}
for _side in 'LR':
    for _part in ('EYE', 'IRIS', 'PUPIL', 'GLINT'):
        _CLASS_OF[M[f'{_side}_{_part}']] = f'{_side.lower()}_eye'
    _CLASS_OF[M[f'{_side}_BROW']] = f'{_side.lower()}_brow'
    _CLASS_OF[M[f'{_side}_EAR']] = _CLASS_OF[M[f'{_side}_EAR_INNER']] = f'{_side.lower()}_ear'

CLASS_TABLE = np.array([CELEBAMASK_CLASSES.index(_CLASS_OF[m]) for m in Material], dtype=np.uint8)
"""Material -> class index, for look-up with a whole canvas."""

HAIR_MATERIALS = (M.HAIR_BACK, M.HAIR, M.HAIR_FRONT)


def material_colors(face: Face) -> np.ndarray:
    """Return the color of each material of a face, (number of materials, 3) uint8 RGB."""
    skin, hair, lip = (np.array(c) for c in (face.skin, face.hair, face.lip))
    accent, occluder = np.array(face.accent), np.array(face.occluder_color)
    white = np.array((238, 233, 228))
    brow = 0.72 * hair * 0.75 + 0.28 * skin * 0.6
    if face.hair_color == 4:  # gray hair: brows stay darker
        brow = 0.5 * hair + 0.5 * skin * 0.45
    gold = np.array((214, 178, 92)) if face.texture > 0.65 else np.array((218, 220, 226))
    table = {
        M.BACKGROUND: (0, 0, 0),
        M.SKIN: skin,
        M.NOSE: skin,
        M.NOSTRIL: skin * (0.45, 0.36, 0.34),
        M.LASHES: (22, 16, 16) if face.makeup else 0.25 * skin + 0.5 * np.array((40, 28, 24)),
        M.MOUTH: (62, 18, 22),
        M.TEETH: (236, 230, 218),
        M.TONGUE: (176, 84, 84),
        M.U_LIP: lip * 0.9,
        M.L_LIP: lip * 0.98 + 6,
        M.LIP_LINE: lip * (0.55, 0.45, 0.45),
        M.BEARD: 0.68 * hair * 0.9 + 0.32 * skin * 0.7,
        M.SCALP: skin,
        M.NECK: skin * (0.96, 0.94, 0.93),
        M.CLOTH: face.cloth[0],
        M.CLOTH_2: face.cloth[1],
        M.NECKLACE: gold,
        M.HAIR_BACK: hair * 0.72,
        M.HAIR: hair,
        M.HAIR_FRONT: hair * 1.04,
        M.FRAME: (26, 24, 26) if face.texture > 0.5 else (112, 84, 58),
        M.DARK_LENS: (30, 30, 36),
        M.HAT: accent,
        M.HAT_BAND: accent * 0.72,
        M.EARRING: gold,
        M.OCCLUDER: occluder,
        M.OCCLUDER_2: occluder * 0.8,
    }
    if face.occluder == 3:  # a hand
        table[M.OCCLUDER], table[M.OCCLUDER_2] = skin * 0.97, skin * 0.8
    for side in 'LR':
        table[M[f'{side}_EYE']] = white
        table[M[f'{side}_IRIS']] = face.eye
        table[M[f'{side}_PUPIL']] = (14, 11, 11)
        table[M[f'{side}_GLINT']] = (250, 250, 250)
        table[M[f'{side}_BROW']] = brow
        table[M[f'{side}_EAR']] = skin * (0.98, 0.93, 0.92)
        table[M[f'{side}_EAR_INNER']] = skin * (0.82, 0.7, 0.68)
    return np.clip(np.array([table[m] for m in Material], float), 0, 255).astype(np.uint8)
