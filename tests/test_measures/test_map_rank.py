# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.measures import map_rank, participation_ratio, singular_values


def test_every_pixel_is_a_sample():
    maps = torch.randn(2, 5, 4, 4) * torch.tensor([1.0, 2, 3, 4, 5])[:, None, None]
    rows = torch.stack([maps[b, :, y, x] for b in range(2) for y in range(4) for x in range(4)])
    expected = participation_ratio(singular_values(rows))
    assert map_rank(maps) == pytest.approx(expected, rel=1e-6)


def test_one_direction():
    direction = torch.randn(6)[:, None, None]
    assert map_rank(torch.randn(2, 1, 4, 4) * direction) == pytest.approx(1, abs=1e-3)


def test_only_maps():
    with pytest.raises(ValueError, match=r'Expected maps \(B, C, h, w\)'):
        map_rank(torch.randn(4, 5))
