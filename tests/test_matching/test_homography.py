# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.matching import corner_error, estimate_homography

TRUE = np.array([[1.1, 0.05, 4.0], [-0.03, 0.95, -2.0], [1e-4, -5e-5, 1.0]])


def project(points, matrix):
    homogeneous = np.c_[points, np.ones(len(points))] @ matrix.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


@pytest.mark.parametrize('method', ['lmeds', 'ransac'])
def test_outliers_do_not_matter(method):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (60, 2))
    matched = project(points, TRUE)
    matched[:15] = rng.uniform(0, 200, (15, 2))
    matrix = estimate_homography(points, matched, method)
    assert corner_error(matrix, TRUE, (200, 200)) < 0.01


def test_the_error_is_the_mean_shift_of_the_corners():
    shifted = np.array([[1, 0, 3.0], [0, 1, 4.0], [0, 0, 1]])
    assert corner_error(shifted, np.eye(3), (10, 20)) == pytest.approx(5)


def test_no_estimate_is_infinitely_wrong():
    points = np.zeros((3, 2))
    assert estimate_homography(points, points) is None
    assert corner_error(None, np.eye(3), (10, 10)) == float('inf')
    assert corner_error(np.zeros((3, 3)), np.eye(3), (10, 10)) == float('inf')


def test_unknown_method():
    with pytest.raises(ValueError, match='method must be one of'):
        estimate_homography(np.zeros((4, 2)), np.zeros((4, 2)), 'magsac')
