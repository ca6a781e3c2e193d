# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from mmdiffrep.datasets.celebamask_classes import (
    CELEBAMASK_CLASSES,
    CELEBAMASK_PALETTE,
    left_right_pairs,
)


def test_official_order():
    assert len(CELEBAMASK_CLASSES) == 19
    assert CELEBAMASK_CLASSES[0] == 'background'
    assert CELEBAMASK_CLASSES.index('l_eye') == 4
    assert CELEBAMASK_CLASSES.index('l_lip') == 12
    assert CELEBAMASK_CLASSES[13:] == ('hair', 'hat', 'ear_r', 'neck_l', 'neck', 'cloth')


def test_colors_are_distinct():
    assert len(CELEBAMASK_PALETTE) == len(set(CELEBAMASK_PALETTE)) == 19


def test_pairs_are_eyes_brows_and_ears_but_not_lips_or_necklaces():
    assert left_right_pairs(CELEBAMASK_CLASSES) == [(4, 5), (6, 7), (8, 9)]


def test_pairs_follow_the_positions_of_the_names():
    assert left_right_pairs(CELEBAMASK_CLASSES[1:]) == [(3, 4), (5, 6), (7, 8)]
    assert left_right_pairs(('r_eye', 'skin', 'l_eye')) == [(2, 0)]
    assert left_right_pairs(('Left-arm', 'Right-arm')) == [(0, 1)]
    assert left_right_pairs(('sky', 'road')) == []
