# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces.draw.features import beard, brow, ears, eye, mouth, nose, skin
from mmdiffrep.datasets.toyfaces.landmarks import EYES
from mmdiffrep.datasets.toyfaces.materials import Material as M


def test_skin_fills_the_jaw(make_scene):
    scene = make_scene(yaw=20.0)
    skin(scene)
    jaw = scene.landmarks[:33]
    inner = jaw.mean(0) + 0.95 * (jaw - jaw.mean(0))
    outer = jaw.mean(0) + 1.05 * (jaw - jaw.mean(0))
    for points, expected in ((inner, M.SKIN), (outer[2:31], 0)):
        at = (points * 256).astype(int)
        assert (scene.canvas.pixels[at[:, 1], at[:, 0]] == expected).all()


@pytest.mark.parametrize(
    ('changes', 'seen'),
    [
        (dict(), 'LR'),
        (dict(yaw=35.0), 'R'),  # looks to the image's right: the ear at the left is in sight
        (dict(yaw=-35.0), 'L'),
        (dict(hair_length=3), ''),
        (dict(hair_length=3, tucked=True), 'LR'),
    ],
)
def test_ears_in_sight(changes, seen, make_scene):
    scene = make_scene(**changes)
    ears(scene)
    for side in 'LR':
        assert (scene.canvas.pixels == M[f'{side}_EAR']).any() == (side in seen)


@pytest.mark.parametrize('side', [0, 1])
def test_an_open_eye_has_white_iris_and_pupil(side, make_scene):
    scene = make_scene()
    skin(scene)
    eye(scene, side)
    letter = 'RL'[side]
    parts = [M[f'{letter}_{part}'] for part in ('EYE', 'IRIS', 'PUPIL', 'GLINT')]
    area = np.isin(scene.canvas.pixels, parts).sum()
    outline = (scene.landmarks[EYES[side]] * 256).astype(np.float32)
    assert area == pytest.approx(cv2.contourArea(outline), rel=0.35)
    assert all((scene.canvas.pixels == part).any() for part in parts)


def test_a_closed_eye_shows_lashes_only(make_scene):
    scene = make_scene(eye_open=0.0)
    skin(scene)
    eye(scene, 0)
    assert (scene.canvas.pixels == M.LASHES).sum() > 50
    assert not (scene.canvas.pixels == M.R_IRIS).any()


def test_brows(make_scene):
    scene = make_scene()
    for side, material in ((0, M.R_BROW), (1, M.L_BROW)):
        brow(scene, side)
        columns = np.nonzero(scene.canvas.pixels == material)[1]
        assert (columns.mean() > 128) == bool(side)


def test_an_open_mouth_shows_what_is_inside(make_scene):
    for opening in (0.0, 0.9):
        scene = make_scene(mouth_open=opening)
        mouth(scene)
        inside = np.isin(scene.canvas.pixels, (M.MOUTH, M.TEETH, M.TONGUE)).sum()
        assert (inside > 200) == (opening > 0)
        assert (scene.canvas.pixels == M.U_LIP).sum() > 50
        assert (scene.canvas.pixels == M.L_LIP).sum() > 50


def test_nose_holds_its_landmarks(make_scene):
    scene = make_scene(yaw=30.0)
    nose(scene)
    shape = np.isin(scene.canvas.pixels, (M.NOSE, M.NOSTRIL)).astype(np.uint8)
    shape = cv2.dilate(shape, np.ones((3, 3)))
    at = (scene.landmarks[51:60] * 256).astype(int)
    assert shape[at[:, 1], at[:, 0]].all()


@pytest.mark.parametrize(('kind', 'low', 'high'), [(0, 0, 0), (1, 60, 2500), (2, 2500, 20000)])
def test_beards(kind, low, high, make_scene):
    scene = make_scene(beard=kind)
    skin(scene)
    beard(scene)
    assert low <= (scene.canvas.pixels == M.BEARD).sum() <= high
