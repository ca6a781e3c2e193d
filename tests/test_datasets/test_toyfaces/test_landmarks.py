# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces import render_face
from mmdiffrep.datasets.toyfaces.geometry import HeadGeometry
from mmdiffrep.datasets.toyfaces.landmarks import (
    BROWS,
    EYES,
    JAW,
    LIPS_INNER,
    LIPS_OUTER,
    PUPILS,
    face_landmarks,
)
from mmdiffrep.datasets.toyfaces_dataset import ToyFacesDataset


def _distance_to_edge(region, points):
    """Distance of each point to the nearest pixel at the region's edge."""
    inside = region.astype(bool)
    grown = np.pad(inside, 1)
    neighbors = [np.roll(grown, shift, axis) for axis in (0, 1) for shift in (1, -1)]
    differs = np.any([n != grown for n in neighbors], axis=0)[1:-1, 1:-1]
    edge = np.argwhere(differs)[:, ::-1]
    return np.linalg.norm(points[:, None] - edge[None], axis=2).min(1)


def test_landmarks_lie_on_the_edges_of_their_parts():
    parts = {
        'r_eye': (EYES[0], ('r_eye',)),
        'l_eye': (EYES[1], ('l_eye',)),
        'r_brow': (BROWS[0], ('r_brow',)),
        'l_brow': (BROWS[1], ('l_brow',)),
        'lips': (LIPS_OUTER, ('u_lip', 'l_lip', 'mouth')),
        'mouth': (LIPS_INNER, ('mouth',)),
    }
    checked = dict.fromkeys(parts, 0)
    for index in range(25):
        face = render_face(0, index, 256)
        has = face.attributes
        if has['occluder'] or has['glasses'] or has['eyes']:
            continue
        for name, (part, classes) in parts.items():
            if name == 'mouth' and not has['mouth']:
                continue
            region = np.isin(face.mask, [CELEBAMASK_CLASSES.index(c) for c in classes])
            points = face.landmarks[part]
            if not face.visible[part].all():
                continue
            assert _distance_to_edge(region, points).max() < 1.5, (index, name)
            checked[name] += 1
    assert min(checked.values()) >= 3, checked


def test_order_is_that_of_wflw_in_mmpose(make_face):
    """A mirrored head has the mirrored landmarks, in the order of mmpose's flip indices."""
    pose = dict(yaw=24.0, roll=9.0, pitch=6.0, gaze=(0.4, 0.1), center=(0.46, 0.48))
    mirror = dict(pose, yaw=-24.0, roll=-9.0, gaze=(-0.4, 0.1), center=(0.54, 0.48))
    points, mirrored = (
        face_landmarks(HeadGeometry(make_face(**turn, mouth_open=0.5))) for turn in (pose, mirror)
    )
    metainfo = ToyFacesDataset(split='train', num_images=1, task='pose', lazy_init=True).metainfo
    flipped = (points * (-1, 1) + (1, 0))[metainfo['flip_indices']]
    np.testing.assert_allclose(mirrored, flipped, atol=1e-9)


def test_sides_are_those_of_the_image(make_face):
    points = face_landmarks(HeadGeometry(make_face()))
    assert (np.diff(points[JAW][:, 0]) > 0).all()
    assert points[JAW][:, 1].argmax() == 16
    for pair in (BROWS, EYES):
        assert points[pair[0]][:, 0].max() < points[pair[1]][:, 0].min()
    assert points[PUPILS[0], 0] < points[PUPILS[1], 0]


@pytest.mark.parametrize(('eye_open', 'low', 'high'), [(1.0, 0.3, 0.7), (0.05, 0.0, 0.1)])
def test_eyes_close(eye_open, low, high, make_face):
    eye = face_landmarks(HeadGeometry(make_face(eye_open=eye_open, eye_tilt=0.0)))[EYES[0]]
    width, height = np.ptp(eye, axis=0)
    assert low < height / width < high


def test_an_open_mouth_is_higher_and_the_chin_lower(make_face):
    closed, wide = (
        face_landmarks(HeadGeometry(make_face(mouth_open=opening))) for opening in (0.0, 1.0)
    )
    assert np.ptp(wide[LIPS_INNER][:, 1]) > np.ptp(closed[LIPS_INNER][:, 1]) + 0.04
    assert wide[16, 1] > closed[16, 1]


def test_a_smile_lifts_the_corners(make_face):
    sad, glad = (face_landmarks(HeadGeometry(make_face(smile=s))) for s in (-0.7, 1.0))
    assert (glad[[76, 82], 1] < sad[[76, 82], 1] - 0.01).all()
