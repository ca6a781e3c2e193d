# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.measures.frechet import FeatureMoments, frechet_distance


def moments(features):
    return FeatureMoments().update(features)


def features_of(mean, covariance, count=6):
    """Features with exactly this mean and covariance."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, len(mean), generator=generator, dtype=torch.float64)
    noise = noise - noise.mean(0)
    white = noise @ torch.linalg.inv(torch.linalg.cholesky(noise.T @ noise / (count - 1))).T
    return white @ torch.linalg.cholesky(covariance).T + mean


@given(st.lists(st.floats(-2, 2), min_size=3, max_size=3), st.floats(0.1, 4), st.floats(0.1, 4))
@settings(max_examples=30, deadline=None)
def test_closed_form_of_two_gaussians_with_common_axes(shift, first, second):
    eye = torch.eye(3, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    axes = torch.diag(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))
    shift = torch.tensor(shift, dtype=torch.float64)
    ours = features_of(torch.zeros(3, dtype=torch.float64), first * turn @ axes @ turn.T)
    theirs = features_of(shift, second * turn @ eye @ turn.T)
    expected = shift @ shift
    for value in (1.0, 2.0, 0.5):
        expected += ((first * value) ** 0.5 - second**0.5) ** 2
    distance = frechet_distance(moments(ours), moments(theirs))
    assert distance == pytest.approx(float(expected), abs=1e-8)


def test_covariances_that_do_not_commute():
    a = torch.tensor([[2.0, 0.7], [0.7, 1.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -0.4], [-0.4, 3.0]], dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    # two by two: tr(M^(1/2)) = sqrt(tr(M) + 2 sqrt(det(M)))
    cross = ((a @ b).trace() + 2 * (a @ b).det().sqrt()).sqrt()
    expected = float(a.trace() + b.trace() - 2 * cross)
    ours, theirs = moments(features_of(zero, a)), moments(features_of(zero, b))
    assert frechet_distance(ours, theirs) == pytest.approx(expected)
    assert frechet_distance(theirs, ours) == pytest.approx(expected)


@pytest.mark.parametrize('count', [2, 5, 40])
def test_identical_sets_have_no_distance(count):
    features = torch.randn(count, 8, generator=torch.Generator().manual_seed(0)) * 3 + 100
    assert frechet_distance(moments(features), moments(features)) == pytest.approx(0, abs=1e-5)


def test_batches_add_up():
    features = torch.randn(20, 4, dtype=torch.float64) + 7
    whole, parts = moments(features), FeatureMoments()
    for part in features.split(6):
        parts.update(part)
    assert parts.count == 20
    torch.testing.assert_close(parts.mean, features.mean(0))
    torch.testing.assert_close(parts.covariance, features.T.cov())
    torch.testing.assert_close(parts.covariance, whole.covariance)
    assert parts.reduce().count == 20  # a single process


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: frechet_distance(FeatureMoments(), FeatureMoments()), 'at least 2, got 0'),
        (
            lambda: frechet_distance(moments(torch.zeros(1, 2)), moments(torch.zeros(3, 2))),
            'at least 2, got 1',
        ),
        (
            lambda: frechet_distance(moments(torch.zeros(3, 2)), moments(torch.zeros(3, 4))),
            'must be 2, got 4',
        ),
        (
            lambda: moments(torch.zeros(3, 2)).update(torch.zeros(3, 4)),
            r'\(N, 2\), got shape \(3, 4\)',
        ),
        (lambda: moments(torch.zeros(3)), r'\(N, D\), got shape \(3,\)'),
        (lambda: moments(torch.full((3, 2), float('nan'))), '3 of 3 samples hold inf or nan'),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
