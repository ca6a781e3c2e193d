# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from mmdiffrep.datasets.toyfaces.draw import paint
from mmdiffrep.datasets.toyfaces.materials import Material as M


def test_all_parts_are_painted_and_what_is_in_front_wins(make_scene):
    scene = make_scene(
        glasses=2, hat=1, earrings=1, necklace=1, mouth_open=0.8, beard=1, cloth_pattern=1
    )
    paint(scene)
    shown = set(np.unique(scene.canvas.pixels))
    front = {M.DARK_LENS, M.FRAME, M.HAT, M.EARRING, M.NECKLACE, M.TEETH, M.BEARD, M.CLOTH_2}
    assert front <= shown
    assert not {M.L_PUPIL, M.R_PUPIL} & shown  # behind the dark lenses
