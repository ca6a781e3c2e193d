# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces.draw.body import body
from mmdiffrep.datasets.toyfaces.materials import Material as M


@pytest.mark.parametrize('pattern', [0, 1, 2])
def test_neck_above_clothes(pattern, make_scene):
    scene = make_scene(cloth_pattern=pattern, neckline=0.2)
    body(scene)
    pixels = scene.canvas.pixels
    rows = {m: np.nonzero(pixels == m)[0].mean() for m in (M.NECK, M.CLOTH)}
    assert rows[M.NECK] < rows[M.CLOTH]
    assert (pixels == M.CLOTH_2).any() == (pattern > 0)
    assert not (pixels == M.NECKLACE).any()


def test_necklace_lies_on_the_neck(make_scene):
    scene = make_scene(necklace=1)
    body(scene)
    pixels = scene.canvas.pixels
    assert (pixels == M.NECKLACE).sum() > 100
    columns = np.nonzero(pixels == M.NECKLACE)[1]
    assert abs(columns.mean() - 127.5) < 4
