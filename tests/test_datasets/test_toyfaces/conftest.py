# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Faces whose parameters a test can choose."""

import dataclasses

import pytest

from mmdiffrep.datasets.toyfaces.draw import Scene
from mmdiffrep.datasets.toyfaces.face import sample_face
from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry
from mmdiffrep.datasets.toyfaces.landmarks import face_landmarks

PLAIN = dict(
    yaw=0.0,
    pitch=0.0,
    roll=0.0,
    center=(0.5, 0.475),
    scale=0.24,
    gaze=(0.0, 0.0),
    mouth_open=0.0,
    smile=0.2,
    eye_open=1.0,
    hair_length=1,
    hair_volume=0.3,
    fringe=0,
    curly=False,
    tucked=False,
    beard=0,
    glasses=0,
    hat=0,
    earrings=0,
    necklace=0,
    occluder=0,
)


@pytest.fixture
def make_face():
    """A frontal face with short hair and nothing on it, but for the given changes."""
    return lambda **changes: dataclasses.replace(sample_face(3, 1), **{**PLAIN, **changes})


@pytest.fixture
def make_scene(make_face):
    """An empty scene of 256 pixels for such a face."""

    def make(**changes):
        face = make_face(**changes)
        geometry = HeadGeometry(face)
        return Scene(face, geometry, face_landmarks(geometry), size=256, pixel=1 / 64)

    return make
