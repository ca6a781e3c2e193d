# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces import ATTRIBUTES, sample_face


def test_a_face_depends_on_both_numbers_and_on_nothing_else():
    assert sample_face(1, 2) == sample_face(1, 2)
    faces = [sample_face(seed, index) for seed in (0, 1, 2) for index in (0, 1, 2)]
    assert len({face.yaw for face in faces}) == 9


def test_known_face():
    """The collection is frozen: shipped weights and published figures were made with it."""
    face = sample_face(0, 0)
    assert face.yaw == pytest.approx(2.51460442, abs=1e-6)
    assert face.texture_seed == 915743487


def test_ranges():
    for index in range(200):
        face = sample_face(5, index)
        assert abs(face.yaw) <= 45
        assert 0 <= face.mouth_open <= 1
        assert -1 <= face.smile <= 1
        assert np.linalg.norm(face.light) == pytest.approx(1)
        colors = np.array((face.skin, face.hair, face.eye, face.lip, *face.cloth))
        assert colors.min() >= 0
        assert colors.max() <= 255


def test_attributes_are_class_indices_and_every_class_occurs():
    counts = {name: np.zeros(len(classes), int) for name, classes in ATTRIBUTES.items()}
    for index in range(1500):
        for name, value in sample_face(0, index).attributes().items():
            counts[name][value] += 1
    for name, count in counts.items():
        assert count.min() >= 15, (name, count)
        assert count.sum() == 1500


def test_covered_earrings_are_no_earrings():
    face = dataclasses.replace(sample_face(0, 0), earrings=1, hair_length=3, tucked=False)
    assert face.attributes()['earrings'] == 0
    assert dataclasses.replace(face, tucked=True).attributes()['earrings'] == 1
