# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The six data sets of DDPM-Seg: class names and sizes, as published with its code.

Source: ``src/data_util.py`` and ``experiments/*/ddpm.json`` of yandex-research/ddpm-segmentation;
names keep their spelling.
"""

from typing import NamedTuple


class DDPMSegProtocol(NamedTuple):
    """Protocol of one of the data sets.

    Attributes:
        classes: Names in the order of our labels.
        num_train: Images that are trained on.
        num_test: Images that are tested on.
        unlabeled: The published label that means "no class" and has a name in the published list,
            if there is one; our labels are without it.
    """

    classes: tuple[str, ...]
    num_train: int
    num_test: int
    unlabeled: int | None = None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.replace('\n', ' ').split(','))


_BEDROOM = _names("""
bed, bed***footboard, bed***headboard, bed***side rail, carpet, ceiling,
chandelier / ceiling fan blade, curtain, cushion, floor, table/nightstand/dresser,
table/nightstand/dresser***top, picture / mirrow, pillow, lamp***column, lamp***shade, wall, window,
curtain rod, window***frame, chair, picture / mirror***frame, plinth, door / door frame, pouf,
wardrobe, plant, table staff
""")

_FFHQ = _names("""
background, head, head***cheek, head***chin, head***ear, head***ear***helix, head***ear***lobule,
head***eye***bottom lid, head***eye***eyelashes, head***eye***iris, head***eye***pupil,
head***eye***sclera, head***eye***tear duct, head***eye***top lid, head***eyebrow, head***forehead,
head***frown, head***hair, head***hair***sideburns, head***jaw, head***moustache,
head***mouth***inferior lip, head***mouth***oral commissure, head***mouth***superior lip,
head***mouth***teeth, head***neck, head***nose, head***nose***ala of nose, head***nose***bridge,
head***nose***nose tip, head***nose***nostril, head***philtrum, head***temple, head***wrinkles
""")

_CAT = _names("""
background, back, belly, chest, leg, paw, head, ear, eye, mouth, tongue, nose, tail, whiskers, neck
""")

_HORSE = _names("""
background, person, back, barrel, bridle, chest, ear, eye, forelock, head, hoof, leg, mane, muzzle,
neck, nostril, tail, thigh, saddle, shoulder, leg protection
""")

_CELEBA = _names("""
background, cloth, ear_r, eye_g, hair, hat, l_brow, l_ear, l_eye, l_lip, mouth, neck, neck_l, nose,
r_brow, r_ear, r_eye, skin, u_lip
""")

_ADE_BEDROOM = _names("""
wall, bed, floor, table, lamp, ceiling, painting, windowpane, pillow, curtain, cushion, door, chair,
cabinet, chest, mirror, rug, armchair, book, sconce, plant, wardrobe, clock, light, flower, vase,
fan, box, shelf, television
""")

DDPM_SEG_PROTOCOLS: dict[str, DDPMSegProtocol] = {
    # The published list has 29 names: 0 is the background, which is ignored throughout.
    'bedroom_28': DDPMSegProtocol(_BEDROOM, num_train=40, num_test=20, unlabeled=0),
    'ffhq_34': DDPMSegProtocol(_FFHQ, num_train=20, num_test=20),
    'cat_15': DDPMSegProtocol(_CAT, num_train=30, num_test=20),
    'horse_21': DDPMSegProtocol(_HORSE, num_train=30, num_test=30),
    'celeba_19': DDPMSegProtocol(_CELEBA, num_train=20, num_test=500),
    'ade_bedroom_30': DDPMSegProtocol(_ADE_BEDROOM, num_train=50, num_test=650),
}
