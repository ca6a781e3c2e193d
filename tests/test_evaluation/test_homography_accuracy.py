# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.evaluation import HomographyAccuracy


def shifted(pixels):
    return np.array([[1, 0, pixels], [0, 1, 0], [0, 0, 1.0]])


def sample(error, category):
    estimate = None if error is None else shifted(error)
    return dict(
        pred_homography=estimate, homography=np.eye(3), source_size=(10, 20), category=category
    )


def scores(samples, **options):
    metric = HomographyAccuracy(**options)
    metric.process({}, samples)
    return metric.compute_metrics(metric.results)


def official(estimates, truths, sizes, names):
    """The accuracies of DIFT's ``eval_homography.py``, written down from it."""
    th = np.linspace(1, 5, 3)
    accuracy = {'i': [], 'v': []}
    for matrix, true, (h, w), name in zip(estimates, truths, sizes, names):
        corners = np.array([[0, 0, 1], [0, h - 1, 1], [w - 1, 0, 1], [w - 1, h - 1, 1]])
        real = np.dot(corners, np.transpose(true))
        real = real[:, :2] / real[:, 2:]
        warped = np.dot(corners, np.transpose(matrix))
        warped = warped[:, :2] / warped[:, 2:]
        accuracy[name].append(np.mean(np.linalg.norm(real - warped, axis=1)) <= th)
    both = np.concatenate([np.array(accuracy['i']), np.array(accuracy['v'])], axis=0)
    return [100 * np.mean(part, axis=0) for part in (both, accuracy['i'], accuracy['v'])]


def test_equal_to_the_official_form():
    rng = np.random.default_rng(0)
    names = ['i', 'v'] * 20
    truths = [np.eye(3) + rng.normal(0, [[0.1], [0.1], [1e-3]], (3, 3)) for _ in names]
    estimates = [true + rng.normal(0, [[0.02], [0.02], [1e-5]], (3, 3)) for true in truths]
    sizes = [tuple(rng.integers(100, 400, 2)) for _ in names]
    category = {'i': 'illumination', 'v': 'viewpoint'}
    result = scores(
        [
            dict(pred_homography=m, homography=t, source_size=s, category=category[n])
            for m, t, s, n in zip(estimates, truths, sizes, names)
        ]
    )
    expected = official(estimates, truths, sizes, names)
    found = [
        [result[f'{group}accuracy@{pixels}px'] for pixels in (1, 3, 5)]
        for group in ('', 'illumination/', 'viewpoint/')
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert 5 < expected[0][1] < 95


def test_no_estimate_is_wrong_and_thresholds_are_inclusive():
    result = scores([sample(3.0, 'viewpoint'), sample(None, 'viewpoint')])
    assert result['accuracy@1px'] == 0 and result['viewpoint/accuracy@3px'] == 50


def test_thresholds_must_be_positive():
    with pytest.raises(ValueError, match='thresholds must be positive'):
        HomographyAccuracy(thresholds=(0,))
