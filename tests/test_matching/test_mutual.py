# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.matching import mutual_nearest


@pytest.mark.parametrize('metric', ['cosine', 'l2'])
def test_a_permutation_is_undone(metric):
    vectors = torch.randn(20, 8)
    order = torch.randperm(20)
    pairs, scores = mutual_nearest(vectors, vectors[order], metric, chunk=7)
    assert torch.equal(order[pairs[:, 1]], pairs[:, 0]) and len(pairs) == 20
    expected = torch.ones(20) if metric == 'cosine' else torch.zeros(20)
    torch.testing.assert_close(scores, expected, atol=2e-3, rtol=0)


def test_one_sided_matches_are_left_out():
    first = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    second = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    pairs, _ = mutual_nearest(first, second)
    assert pairs.tolist() == [[0, 0], [2, 1]]


def test_scale_matters_for_distances_alone():
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[10.0, 0.0], [0.9, 0.3]])
    assert mutual_nearest(first, second, 'cosine')[0].tolist() == [[0, 0]]
    assert mutual_nearest(first, second, 'l2')[0].tolist() == [[0, 1]]


def test_empty_sets_and_unknown_metrics():
    assert len(mutual_nearest(torch.zeros(0, 3), torch.ones(2, 3))[0]) == 0
    with pytest.raises(ValueError, match='metric must be one of'):
        mutual_nearest(torch.ones(1, 2), torch.ones(1, 2), 'cosin')
