# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np

from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry
from mmdiffrep.datasets.toyfaces.landmarks import face_landmarks
from mmdiffrep.datasets.toyfaces.shade import background, shade


def _skin_ball(face, size=48):
    """A picture that is skin everywhere."""
    ones, zeros = np.ones((size, size), np.float32), np.zeros((size, size), np.float32)
    geometry = HeadGeometry(face)
    return shade(
        np.full((size, size, 3), 150, np.float32),
        cover=ones,
        hair=zeros,
        skin=ones,
        face=face,
        geometry=geometry,
        landmarks=face_landmarks(geometry),
    )


def test_the_lit_side_is_brighter(make_face):
    face = make_face(ambient=0.5, noise=0.0, blur=0.0)
    for sign in (-1, 1):
        light = (sign * 0.7, -0.1, np.sqrt(1 - 0.7**2 - 0.1**2))
        image = _skin_ball(dataclasses.replace(face, light=light)).astype(float)
        assert sign * (image[:, 24:].mean() - image[:, :24].mean()) > 10


def test_noise_and_tint(make_face):
    quiet = make_face(noise=0.0, blur=0.0, tint=(0.8, 0.8, 0.8))
    loud = dataclasses.replace(quiet, noise=4.0)
    red = dataclasses.replace(quiet, tint=(1.0, 0.8, 0.8))
    first = _skin_ball(quiet).astype(float)
    assert 3 < (_skin_ball(loud) - first).std() < 5
    change = _skin_ball(red) - first
    assert change[..., 0].mean() > 10
    assert np.abs(change[..., 1:]).max() <= 1


def test_shading_is_repeatable(make_face):
    face = make_face()
    assert np.array_equal(_skin_ball(face), _skin_ball(face))


def test_backgrounds_differ_in_kind_and_keep_their_colors(make_face):
    pictures = []
    for kind in range(4):
        face = make_face(
            background_kind=kind, background=((40.0, 60.0, 80.0), (60.0, 80.0, 100.0)), texture=0.3
        )
        pictures.append(background(face, 64, np.random.default_rng(0)))
        assert pictures[-1].shape == (64, 64, 3)
    for kind in (0, 2, 3):
        assert 30 < pictures[kind].mean() < 110
    assert not np.allclose(pictures[0], pictures[2])
