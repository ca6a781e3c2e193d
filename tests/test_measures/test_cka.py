# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.measures.cka import StreamedCKA, linear_cka, unbiased_hsic


def rotation(size: int) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def debiased(first: torch.Tensor, second: torch.Tensor) -> float:
    cka = StreamedCKA(['a', 'b'])
    cka.update(dict(a=first, b=second))
    return float(cka.matrix()[0, 1])


def hsic_by_definition(k: torch.Tensor, m: torch.Tensor) -> float:
    """The U-statistic over all ordered quadruples of different samples."""
    terms = [
        k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c])
        for a, b, c, d in itertools.permutations(range(len(k)), 4)
    ]
    return float(sum(terms) / len(terms))


@pytest.mark.parametrize('cka', [linear_cka, debiased])
@given(
    shape=st.tuples(st.integers(5, 30), st.integers(1, 12)),
    scale=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)
def test_rotation_scale_and_shift_do_not_count(cka, shape, scale, seed):
    torch.manual_seed(seed)
    shared = randn(shape[0], 1) @ randn(1, shape[1])  # else debiased denominators can be negative
    first = randn(*shape) + 3 * shared
    second = first[:, :1] + 0.5 * randn(shape[0], 3)
    turned = scale * first @ rotation(shape[1]) + 5
    assert cka(first, turned) == pytest.approx(1, abs=1e-6)
    assert cka(turned, second) == pytest.approx(cka(first, second), abs=1e-6)
    assert cka(second, first) == pytest.approx(cka(first, second))


def test_formula_of_features():
    first, second = randn(9, 4), randn(9, 3)
    a, b = first - first.mean(0), second - second.mean(0)
    expected = (b.T @ a).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm())
    assert linear_cka(first, second) == pytest.approx(float(expected))


def test_known_values():
    one = torch.tensor([1.0, -1, 0, 0])
    other = torch.tensor([0.0, 0, 1, -1])
    assert linear_cka(one[:, None], other[:, None]) == 0
    # one of two equal directions in common: 1 / sqrt(2)
    both = torch.stack([one, other], 1)
    assert linear_cka(one[:, None], both) == pytest.approx(2**-0.5)


def test_a_general_linear_map_does_count():
    first = randn(50, 4)
    assert linear_cka(first, first @ torch.diag(torch.tensor([10.0, 1, 1, 1]).double())) < 0.9


def test_hsic_is_the_u_statistic():
    features = [randn(7, 3), randn(7, 2)]
    grams = torch.stack([f @ f.T for f in features])
    found = unbiased_hsic(grams)
    assert found[0, 1] == found[1, 0]
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert float(found[i, j]) == pytest.approx(hsic_by_definition(grams[i], grams[j]))


def test_many_features_on_few_samples():
    """Of unrelated features the plain measure is close to 1, the unbiased one close to 0."""
    first, second = randn(20, 2000), randn(20, 2000)
    assert linear_cka(first, second) > 0.9
    cka = StreamedCKA(['a', 'b'])
    for a, b in zip(randn(40, 20, 500), randn(40, 20, 500)):
        cka.update(dict(a=a, b=b))
    assert abs(float(cka.matrix()[0, 1])) < 0.05


def test_batches_agree_with_the_whole():
    first = randn(600, 5)
    second = first[:, :2] @ randn(2, 4) + randn(600, 4)
    cka = StreamedCKA(['a', 'b'])
    for part in torch.arange(600).split(50):
        cka.update(dict(a=first[part], b=second[part]))
    assert cka.num_samples == 600
    assert float(cka.matrix()[0, 1]) == pytest.approx(linear_cka(first, second), abs=0.02)
    torch.testing.assert_close(cka.matrix().diagonal(), torch.ones(2, dtype=torch.float64))


def test_batches_are_weighted_by_their_size():
    first, second = randn(30, 3), randn(30, 3)
    parts = [slice(0, 10), slice(10, 30)]
    cka = StreamedCKA(['a', 'b'])
    total = torch.zeros(2, 2, dtype=torch.float64)
    for part in parts:
        cka.update(dict(a=first[part], b=second[part]))
        grams = torch.stack([f[part] @ f[part].T for f in (first, second)])
        total += (part.stop - part.start) / 30 * unbiased_hsic(grams)
    expected = total[0, 1] / (total[0, 0] * total[1, 1]).sqrt()
    assert float(cka.matrix()[0, 1]) == pytest.approx(float(expected))


def test_bad_input():
    with pytest.raises(ValueError, match='first features are the same'):
        linear_cka(torch.ones(5, 2), randn(5, 2))
    with pytest.raises(ValueError, match=r'second features \(5, D\), got shape \(6'):
        linear_cka(randn(5, 2), randn(6, 2))
    with pytest.raises(ValueError, match='n of the samples in a batch must be at least 4'):
        unbiased_hsic(torch.zeros(2, 3, 3))
    with pytest.raises(ValueError, match='names must differ'):
        StreamedCKA(['a', 'a'])
    cka = StreamedCKA(['a', 'b'])
    with pytest.raises(ValueError, match='call update'):
        cka.matrix()
    with pytest.raises(ValueError, match="name with features .* got 'b'"):
        cka.update(dict(a=randn(5, 2)))
    with pytest.raises(ValueError, match=r'\[5, 6\]'):
        cka.update(dict(a=randn(5, 2), b=randn(6, 2)))
    cka.update(dict(a=randn(5, 2), b=torch.ones(5, 2)))
    with pytest.raises(ValueError, match='b: the features differ too little'):
        cka.matrix()
