# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.tokens import ImageMember, as_map


@pytest.mark.parametrize(
    ('shapes', 'expected'),
    [
        ([(1, 16, 8)], (0, (1, 8, 4, 4))),
        ([(1, 7, 8), (1, 16, 8)], (1, (1, 8, 4, 4))),  # SD3: text first, then image
        ([(), (1, 16, 8)], (1, (1, 8, 4, 4))),  # its last block gives no text
        ([(1, 23, 8), (1, 8)], (0, (1, 8, 4, 4))),  # Flux: both in one tensor
        ([(1, 4, 8, 8)], (0, (1, 4, 8, 8))),  # the latent
        ([(1, 7, 8)], (None, (1, 7, 8))),  # only text
        ([(1, 2, 16, 4)], (None, (2, 16, 4))),  # heads
        ([(1, 8)], (None, (1, 8))),
        ([()], (None, ())),
    ],
)
def test_the_image_among_the_tensors_of_a_transformer(shapes, expected):
    pick = ImageMember(cells=(4, 4), sides=(8, 8), text=7)
    assert pick('block', 'out', shapes) == expected


def test_tokens_of_a_unet_lie_as_the_map_around_them():
    pick = ImageMember(cells=None, sides=(8, 8), text=7)
    pick('down', 'in', [(1, 4, 8, 8)])
    pick('down.attention', 'in', [(1, 4, 4, 4), (1, 7, 32)])
    assert pick('down.attention.to_q', 'out', [(1, 16, 8)]) == (0, (1, 8, 4, 4))
    assert pick('down.attention.to_k', 'out', [(1, 7, 8)]) == (None, (1, 7, 8))
    assert pick('down.other', 'out', [(1, 64, 8)]) == (0, (1, 8, 8, 8))
    assert pick('elsewhere', 'out', [(1, 16, 8)]) == (None, (1, 16, 8))


def test_the_last_tokens_are_the_cells_row_by_row():
    tokens = torch.arange(5 + 6.0).view(1, 11, 1)
    assert as_map(tokens, (2, 3)).tolist() == [[[[5, 6, 7], [8, 9, 10]]]]
    maps = torch.zeros(1, 2, 3, 4)
    assert as_map(maps, (3, 4)) is maps
