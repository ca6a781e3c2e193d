# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.measures.spectrum import (
    StreamedSpectrum,
    effective_rank,
    numerical_rank,
    participation_ratio,
    rank_tolerance,
    singular_values,
    stable_rank,
    summarize,
)

MEASURES = (effective_rank, participation_ratio, stable_rank)
spectra = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20)


def orthogonal(size: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q


def matrix_with(values, rows: int, columns: int) -> torch.Tensor:
    """A matrix with these singular values, about random axes."""
    count = len(values)
    middle = torch.diag(torch.tensor(values, dtype=torch.float64))
    return orthogonal(rows)[:, :count] @ middle @ orthogonal(columns)[:count]


def streamed(features: torch.Tensor, batch: int) -> StreamedSpectrum:
    spectrum = StreamedSpectrum()
    for part in features.split(batch):
        spectrum.update(part)
    return spectrum


@pytest.mark.parametrize('size', [1, 7, 64])
def test_all_directions_of_an_orthogonal_matrix_count_the_same(size):
    values = singular_values(orthogonal(size), centered=False)
    summary = summarize(values, (size, size))
    assert summary == pytest.approx((size, size, size, size))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('rank', [1, 5, 12])
def test_numerical_rank_is_that_of_torch(rank, dtype):
    features = torch.randn(40, rank, dtype=dtype) @ torch.randn(rank, 12, dtype=dtype)
    values = torch.linalg.svdvals(features)
    assert numerical_rank(values, (40, 12), dtype) == torch.linalg.matrix_rank(features) == rank


def test_tolerance_follows_the_larger_side_and_the_type():
    assert rank_tolerance((10000, 4096)) == pytest.approx(10000 * 2**-23)  # RepFusion's own
    assert rank_tolerance((5, 80), torch.float64) == 80 * 2**-52
    values = torch.tensor([1.0, 1e-4, 1e-6], dtype=torch.float64)
    assert [numerical_rank(values, (n, 3)) for n in (3, 100, 10000)] == [3, 2, 1]
    assert numerical_rank(values, (10000, 3), torch.float64) == 3


def test_known_spectra():
    values = torch.tensor([3.0, 1.0])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert effective_rank(values) == pytest.approx(math.exp(entropy))
    assert participation_ratio(values) == pytest.approx(16 / 10)
    assert stable_rank(values) == pytest.approx(10 / 9)
    assert summarize(torch.zeros(4), (9, 4)) == (0, 0, 0, 0)


@given(values=spectra, scale=st.floats(1e-3, 1e3), zeros=st.integers(0, 5))
def test_scale_order_and_empty_directions_do_not_count(values, scale, zeros):
    values = torch.tensor(values, dtype=torch.float64)
    other = torch.cat([values.flip(0) * scale, torch.zeros(zeros, dtype=torch.float64)])
    for measure in MEASURES:
        assert measure(other) == pytest.approx(measure(values))


@given(values=spectra)
def test_measures_are_ordered(values):
    values = torch.tensor(values, dtype=torch.float64)
    sizes = [len(values), *(measure(values) for measure in MEASURES), 1]
    for larger, smaller in itertools.pairwise(sizes):
        assert larger >= smaller - 1e-9


def test_rotations_of_the_features_and_of_the_samples_do_not_count():
    values = [5.0, 2.0, 1.0, 0.1]
    features = matrix_with(values, 20, 6)
    for other in (features, features @ orthogonal(6), orthogonal(20) @ features):
        found = singular_values(other, centered=False)
        torch.testing.assert_close(found[:4], torch.tensor(values, dtype=torch.float64))
        assert found[4:].max() < 1e-12


def test_centering_removes_the_mean_alone():
    features = torch.randn(30, 5, dtype=torch.float64)
    shifted = features + torch.tensor([100.0, 0, 0, -50, 3])
    torch.testing.assert_close(singular_values(shifted), singular_values(features))
    assert singular_values(shifted, centered=False)[0] > 500


@given(
    samples=st.integers(1, 40),
    features=st.integers(1, 20),
    batch=st.integers(1, 40),
    centered=st.booleans(),
    offset=st.sampled_from([0.0, 1e3]),
)
def test_streaming_changes_nothing(samples, features, batch, centered, offset):
    matrix = torch.randn(samples, features, dtype=torch.float64) + offset
    spectrum = streamed(matrix, batch)
    assert spectrum.shape == (samples, features)
    expected = singular_values(matrix, centered)
    # squares are kept: 1e-8 of the largest value is what they resolve
    error = (spectrum.singular_values(centered) - expected).abs().max()
    assert error <= 1e-7 * singular_values(matrix, centered=False)[0]


def test_many_samples_are_not_kept():
    spectrum = streamed(torch.randn(100, 4), batch=10)
    assert not spectrum._rows and spectrum._scatter.shape == (4, 4)


def test_float32_features_are_summed_in_float64():
    features = torch.randn(50, 3) + 1e4
    expected = singular_values(features.double())
    torch.testing.assert_close(streamed(features, 7).singular_values(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ('features', 'message'),
    [
        (torch.zeros(3), r'\(N, D\), got shape \(3,\)'),
        (torch.zeros(0, 3), r'\(0, 3\)'),
        (torch.tensor([[1.0, math.inf], [math.nan, 1], [0, 0]]), '2 of 3 samples hold inf or nan'),
    ],
)
def test_bad_features(features, message):
    for take in (singular_values, StreamedSpectrum().update):
        with pytest.raises(ValueError, match=message):
            take(features)


def test_batches_of_different_width():
    spectrum = StreamedSpectrum()
    with pytest.raises(ValueError, match='call update'):
        spectrum.singular_values()
    spectrum.update(torch.randn(2, 3))
    with pytest.raises(ValueError, match=r'\(N, 3\), got shape \(2, 4\)'):
        spectrum.update(torch.randn(2, 4))


@pytest.mark.parametrize('values', [[-1.0, 2.0], [], [math.nan], [[1.0]]])
def test_bad_values(values):
    for measure in (*MEASURES, lambda v: numerical_rank(v, (3, 3))):
        with pytest.raises(ValueError, match='singular values'):
            measure(torch.tensor(values))
