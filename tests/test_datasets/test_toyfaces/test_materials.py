# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces.materials import CLASS_TABLE, Material, material_colors


def test_every_class_is_painted_by_some_material():
    assert set(CLASS_TABLE) == set(range(len(CELEBAMASK_CLASSES)))
    assert len(CLASS_TABLE) == len(Material)


def test_sides_of_the_materials():
    for name in ('L_EYE', 'R_EYE', 'L_BROW', 'R_BROW', 'L_EAR', 'R_EAR'):
        assert CELEBAMASK_CLASSES[CLASS_TABLE[Material[name]]] == name.lower()


def test_colors(make_face):
    colors = material_colors(make_face(hair=(100.0, 50.0, 20.0), skin=(200.0, 150.0, 120.0)))
    assert colors.shape == (len(Material), 3)
    assert colors.dtype == np.uint8
    assert colors[Material.HAIR].tolist() == [100, 50, 20]
    assert colors[Material.SKIN].tolist() == [200, 150, 120]


def test_a_hand_has_the_color_of_the_skin(make_face):
    face = make_face(occluder=3, skin=(200.0, 150.0, 120.0))
    assert np.abs(material_colors(face)[Material.OCCLUDER] - np.array(face.skin)).max() < 10
