# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces.draw.hair import back_hair, cranium, front_hair, hairline
from mmdiffrep.datasets.toyfaces.materials import Material as M


def _lowest(pixels, material):
    return np.nonzero(pixels == material)[0].max(initial=-1)


def test_long_hair_falls_lower_than_short_hair(make_scene):
    lowest = []
    for length in (1, 2, 3):
        scene = make_scene(hair_length=length)
        back_hair(scene)
        lowest.append(_lowest(scene.canvas.pixels, M.HAIR_BACK))
    assert lowest[0] == -1
    assert lowest[0] < lowest[1] < lowest[2] == 255


def test_a_bald_head_has_a_scalp(make_scene):
    for length, material in ((0, M.SCALP), (1, M.HAIR)):
        scene = make_scene(hair_length=length)
        cranium(scene)
        assert set(np.unique(scene.canvas.pixels)) == {0, material}


def test_volume_makes_the_head_of_hair_larger(make_scene):
    areas = []
    for volume in (0.0, 1.0):
        scene = make_scene(hair_volume=volume)
        cranium(scene)
        areas.append((scene.canvas.pixels == M.HAIR).sum())
    assert areas[1] > 1.05 * areas[0]


@pytest.mark.parametrize('side', [-0.2, 0.2, -0.7, 0.7])
def test_a_fringe_covers_the_forehead_but_not_the_eyes(side, make_scene):
    scene = make_scene(fringe=1, fringe_side=side)
    front_hair(scene)
    pixels = scene.canvas.pixels
    assert (pixels == M.HAIR_FRONT).mean() > 0.01
    pupils = (scene.landmarks[96:98] * 256).astype(int)
    assert not pixels[pupils[:, 1], pupils[:, 0]].any()


def test_the_hairline_is_above_the_brows(make_scene):
    scene = make_scene()
    top = hairline(scene)
    assert top[:, 1].min() < scene.landmarks[33:51, 1].min()
    assert (np.diff(top[:, 0]) < 0).all()


def test_tucked_hair_stays_behind(make_scene):
    for tucked in (True, False):
        scene = make_scene(hair_length=3, tucked=tucked)
        front_hair(scene)
        assert (scene.canvas.pixels == M.HAIR_FRONT).any() != tucked
