# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images, labels and other conditions that a network takes."""

import pytest
import torch

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides, check_images, check_labels, check_parts


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
    for height, width in others:
        said = f'must be {words} for this network, got {height}x{width}; it was trained on 7x7'
        with pytest.raises(ValueError, match=said):
            sides.check(height, width, trained=7)


def test_images():
    check_images(torch.zeros(2, 3, 4, 6, dtype=torch.bfloat16), 3)
    with pytest.raises(ValueError, match=r'images \(B, 3, H, W\), got shape \(2, 1, 4, 6\)'):
        check_images(torch.zeros(2, 1, 4, 6), 3)
    with pytest.raises(ValueError, match=r'dtype of images .* got torch\.uint8'):
        check_images(torch.zeros(2, 3, 4, 6, dtype=torch.uint8), 3)


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


def test_parts_of_a_condition():
    check_parts(Condition(), (), 'UNet')
    check_parts(Condition(labels=torch.tensor([1])), ('labels', 'guidance'), 'UNet')
    given = Condition(guidance=torch.ones(1), time_vector=torch.ones(1, 4))
    with pytest.raises(ValueError, match='^UNet reads no guidance or time_vector .* reads labels'):
        check_parts(given, ('labels',), 'UNet')
    with pytest.raises(ValueError, match='UNet reads no guidance .* it reads nothing'):
        check_parts(Condition(guidance=torch.ones(1)), (), 'UNet')
