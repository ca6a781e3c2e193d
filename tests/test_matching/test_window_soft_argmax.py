# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.matching import window_soft_argmax


def test_a_sharp_peak_is_found_exactly():
    similarity = torch.zeros(2, 20, 30)
    similarity[0, 4, 25], similarity[1, 19, 0] = 1, 1
    points, value = window_soft_argmax(similarity, window=5, temperature=0.01)
    torch.testing.assert_close(points, torch.tensor([[25.0, 4.0], [0.0, 19.0]]))
    assert value.tolist() == [1, 1]


def test_between_two_equal_cells():
    similarity = torch.full((1, 9, 9), -1.0)
    similarity[0, 4, 3:5] = 1
    points, _ = window_soft_argmax(similarity, window=3, temperature=0.02)
    torch.testing.assert_close(points, torch.tensor([[3.5, 4.0]]))


def test_what_lies_outside_counts_as_zero_similarity():
    similarity = torch.rand(1, 7, 11)
    value, place = similarity.flatten().max(0)
    y, x = divmod(int(place), 11)
    weights = torch.zeros(7, 11)
    for row in range(7):
        for column in range(11):
            near = abs(row - y) <= 1 and abs(column - x) <= 1
            weights[row, column] = torch.exp(similarity[0, row, column] * near / 0.5)
    weights /= weights.sum()
    expected = [(weights.sum(0) * torch.arange(11)).sum(), (weights.sum(1) * torch.arange(7)).sum()]
    points, found = window_soft_argmax(similarity, window=3, temperature=0.5)
    torch.testing.assert_close(points[0], torch.stack(expected))
    assert found[0] == value


@pytest.mark.parametrize(('window', 'temperature'), [(4, 1.0), (0, 1.0), (3, 0.0)])
def test_bad_arguments(window, temperature):
    with pytest.raises(ValueError, match='must be'):
        window_soft_argmax(torch.zeros(1, 3, 3), window, temperature)
