# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.datasets.toyfaces.geometry import PIVOT, HeadGeometry, smooth_closed


def test_frontal_projection_is_a_scaled_copy(make_face):
    face = make_face()
    points = np.array(((0.0, 0.0, 0.0), (1.0, 0.0, -1.0), (0.0, 1.0, 0.5)))
    expected = np.array(face.center) + face.scale * points[:, :2]
    np.testing.assert_allclose(HeadGeometry(face).project(points), expected, atol=1e-12)


@pytest.mark.parametrize(
    ('turn', 'axis', 'sign'),
    [(dict(yaw=30.0), 0, 1), (dict(yaw=-30.0), 0, -1), (dict(pitch=15.0), 1, 1)],
)
def test_the_nose_leads_the_turn(turn, axis, sign, make_face):
    nose = PIVOT + np.array((0, 0, 1.3))
    moved = HeadGeometry(make_face(**turn)).project(nose)
    moved = moved - HeadGeometry(make_face()).project(nose)
    assert sign * moved[axis] > 0.02


def test_roll_is_clockwise(make_face):
    top, bottom = HeadGeometry(make_face(roll=20.0)).project(np.array(((0, -1, 0), (0, 1, 0))))
    assert top[0] > bottom[0]


@given(st.floats(-45, 45), st.floats(-18, 18), st.floats(-22, 22))
def test_rotation_is_a_rotation(yaw, pitch, roll):
    from mmdiffrep.datasets.toyfaces.face import sample_face

    face = sample_face(0, 0)
    object.__setattr__(face, 'yaw', yaw)
    object.__setattr__(face, 'pitch', pitch)
    object.__setattr__(face, 'roll', roll)
    rotation = HeadGeometry(face).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_silhouette_of_a_sphere_is_a_circle(make_face):
    face = make_face(yaw=33.0, pitch=10.0, roll=5.0)
    geometry = HeadGeometry(face)
    center = (0.2, 0.1, -0.4)
    circle = geometry.ellipsoid(center, (0.7, 0.7, 0.7), np.linspace(0, 6, 12))
    radius = np.linalg.norm(circle - geometry.project(np.array(center)), axis=1)
    np.testing.assert_allclose(radius, 0.7 * face.scale)


def test_silhouette_of_an_ellipsoid_bounds_its_surface(make_face):
    geometry = HeadGeometry(make_face(yaw=-25.0, pitch=8.0))
    radii = np.array((1.0, 1.3, 0.8))
    on_sphere = np.random.default_rng(0).normal(size=(4000, 3))
    on_sphere /= np.linalg.norm(on_sphere, axis=1, keepdims=True)
    surface = geometry.project(on_sphere * radii)
    outline = geometry.ellipsoid((0, 0, 0), radii, np.linspace(0, 2 * np.pi, 400))
    np.testing.assert_allclose(surface.min(0), outline.min(0), atol=2e-3)
    np.testing.assert_allclose(surface.max(0), outline.max(0), atol=2e-3)


def test_far_cheek_is_nearer_to_the_nose(make_face):
    geometry = HeadGeometry(make_face(yaw=35.0))  # looks to the image's right
    left, right = geometry.outline(np.array((0.3, np.pi - 0.3)), 1.6, 2.0)
    nose = geometry.project(np.array((0.0, 0.4, 0.3)))
    assert nose[0] - left[0] > 2 * (right[0] - nose[0])


def test_smooth_curve_passes_through_its_points():
    points = np.random.default_rng(0).random((7, 2))
    curve = smooth_closed(points, steps=5)
    assert curve.shape == (35, 2)
    np.testing.assert_allclose(curve[::5], points, atol=1e-12)
