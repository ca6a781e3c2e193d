# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.measures import alignment, uniformity


def test_alignment_of_equal_scaled_orthogonal_and_opposite_views():
    views = torch.eye(4)
    assert alignment(views, 3 * views) == 0
    assert alignment(views, views.flip(0)) == pytest.approx(2)
    assert alignment(views, -views) == pytest.approx(4)


def test_uniformity_in_closed_form():
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)
    assert uniformity(torch.eye(6)) == pytest.approx(-4)  # all squared distances are 2
    assert uniformity(torch.tensor([[1.0, 0], [-1, 0]])) == pytest.approx(-8)
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert uniformity(square) == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))


def test_uniformity_in_parts_is_that_of_all_pairs():
    features = torch.randn(1500, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.nn.functional.normalize(features, dim=1)
    pairs = torch.pdist(rows.double()).square()
    assert uniformity(features) == pytest.approx(float((-2 * pairs).exp().mean().log()), rel=1e-4)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match='two views'):
        alignment(torch.ones(3, 2), torch.ones(2, 2))
    with pytest.raises(ValueError, match=r'N of features \(N, D\) must be at least 2'):
        uniformity(torch.ones(1, 2))
