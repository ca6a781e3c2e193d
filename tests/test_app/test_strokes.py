# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.app import Stroke, segment_strokes


def two_halves(seed):
    """A map whose left half has other vectors than its right half."""
    torch.manual_seed(seed)
    sides = torch.arange(16) >= 8
    center = torch.where(sides, 1.0, -1.0) * torch.ones(6, 16, 16)
    return center + 0.1 * torch.randn(6, 16, 16), sides


STROKES = [Stroke(3, [(2, y) for y in range(4, 12)]), Stroke(1, [(13, 5), (13, 6)])]


def test_both_halves_are_found_in_both_images():
    (painted, sides), (other, _) = two_halves(0), two_halves(1)
    for found in segment_strokes(STROKES, painted, (16, 16), [painted, other]):
        expected = torch.where(sides, 1, 3).repeat_interleave(8).expand(128, -1)
        assert (found.labels == expected).float().mean() > 0.95
        assert found.uncertainty.shape == (128, 128) and found.score >= 0


def test_the_ensemble_is_less_sure_between_the_classes():
    painted, _ = two_halves(0)
    (found,) = segment_strokes(STROKES, painted, (16, 16), [painted])
    assert found.uncertainty[:, 60:68].mean() > 2 * found.uncertainty[:, :32].mean()


def test_the_same_strokes_give_the_same_labels_and_leave_the_random_state():
    painted, _ = two_halves(0)
    state = torch.get_rng_state()
    first, second = (segment_strokes(STROKES, painted, (16, 16), [painted])[0] for _ in range(2))
    assert torch.equal(first.uncertainty, second.uncertainty)
    assert torch.equal(torch.get_rng_state(), state)


def test_one_class_is_not_enough():
    with pytest.raises(ValueError, match='two classes or more, got 1'):
        segment_strokes([Stroke(1, [(1, 1)]), Stroke(2, [])], torch.zeros(2, 4, 4), (4, 4), [])
