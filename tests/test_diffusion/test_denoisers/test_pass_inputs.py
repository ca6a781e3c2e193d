# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Sides and labels that a network takes."""

import pytest
import torch

from mmdiffrep.diffusion.denoisers.pass_inputs import Sides, check_labels


@pytest.mark.parametrize(
    ('sides', 'fits', 'others', 'words'),
    [
        (Sides(4), [(4, 8)], [(4, 6), (0, 4)], 'multiples of 4'),
        (Sides(), [(1, 5)], [(0, 3)], 'at least 1'),
        (Sides(2, 2, 8), [(2, 8)], [(2, 10), (3, 4)], 'multiples of 2, at most 8'),
        (Sides(low=4), [(5, 4)], [(5, 3)], 'at least 4'),
        (Sides(2, square=True), [(6, 6)], [(4, 6)], 'multiples of 2, both the same'),
    ],
)
def test_sides(sides, fits, others, words):
    assert all(sides.fit(*size) for size in fits)
    assert not any(sides.fit(*size) for size in others)
    assert str(sides) == words


def test_labels():
    check_labels(None, None, needed=False)
    check_labels(None, 3, needed=False)
    check_labels(torch.tensor([0, 2]), 3, needed=True)
    with pytest.raises(ValueError, match=r'class-conditional: .* the labels 0 \.\. 2'):
        check_labels(None, 3, needed=True)
    with pytest.raises(ValueError, match='unconditional'):
        check_labels(torch.tensor([0]), None, needed=False)
    with pytest.raises(ValueError, match=r'labels 0 \.\. 2, got 0 \.\. 3'):
        check_labels(torch.tensor([0, 3]), 3, needed=True)
