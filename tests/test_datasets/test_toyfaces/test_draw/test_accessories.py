# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces.draw.accessories import earrings, glasses, hat, occluder
from mmdiffrep.datasets.toyfaces.materials import Material as M


def test_clear_glasses_let_see_and_dark_ones_do_not(make_scene):
    clear, dark = make_scene(glasses=1), make_scene(glasses=2)
    glasses(clear)
    glasses(dark)
    assert clear.lens.pixels.mean() > 0.02
    assert not dark.lens.pixels.any()
    assert not (clear.canvas.pixels == M.DARK_LENS).any()
    assert (dark.canvas.pixels == M.DARK_LENS).mean() > 0.02
    for scene in (clear, dark):
        assert (scene.canvas.pixels == M.FRAME).any()
        pupils = (scene.landmarks[96:98] * 256).astype(int)
        lens = clear.lens.pixels[pupils[:, 1], pupils[:, 0]]
        assert lens.all()


@pytest.mark.parametrize('kind', [1, 2, 3])
def test_hats_cover_the_top_but_not_the_mouth(kind, make_scene):
    scene = make_scene(hat=kind)
    hat(scene)
    shape = np.isin(scene.canvas.pixels, (M.HAT, M.HAT_BAND))
    rows = np.nonzero(shape)[0]
    assert shape.mean() > 0.05
    assert rows.max() < scene.landmarks[76:96, 1].min() * 256
    assert rows.mean() < 256 * scene.face.center[1]


def test_a_brim_is_wider_than_a_beanie(make_scene):
    widths = []
    for kind in (1, 3):
        scene = make_scene(hat=kind, scale=0.21)
        hat(scene)
        widths.append(np.ptp(np.nonzero(scene.canvas.pixels)[1]))
    assert widths[1] > 1.3 * widths[0]


@pytest.mark.parametrize(
    ('changes', 'count'),
    [(dict(), 2), (dict(yaw=30.0), 1), (dict(hair_length=3), 0)],
)
def test_earrings_hang_where_ears_are(changes, count, make_scene):
    scene = make_scene(earrings=1, **changes)
    earrings(scene)
    columns = np.nonzero((scene.canvas.pixels == M.EARRING).any(0))[0]
    groups = (np.diff(columns) > 20).sum() + 1 if len(columns) else 0
    assert groups == count


@pytest.mark.parametrize('kind', [1, 2, 3])
def test_occluders(kind, make_scene):
    scene = make_scene(occluder=kind, occluder_place=(0.5, 0.6, 0.3))
    occluder(scene)
    shape = np.isin(scene.canvas.pixels, (M.OCCLUDER, M.OCCLUDER_2))
    assert 0.02 < shape.mean() < 0.4
    scene = make_scene(occluder=0)
    occluder(scene)
    assert not scene.canvas.pixels.any()
