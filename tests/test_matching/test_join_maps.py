# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.matching import join_maps


def test_a_single_map_is_not_changed():
    value = torch.randn(3, 4, 4)
    assert join_maps([value]) is value


def test_joined_maps_have_the_largest_size_and_equal_shares():
    joined = join_maps([torch.randn(3, 2, 2), 100 * torch.randn(5, 4, 6)])
    assert joined.shape == (8, 4, 6)
    for part in (joined[:3], joined[3:]):
        torch.testing.assert_close(part.norm(dim=0), torch.ones(4, 6))
