# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.matching import best_flip, instance_distance


def test_equal_maps_have_distance_zero():
    feature = torch.randn(8, 4, 4)
    assert abs(instance_distance(feature, feature)) < 1e-5
    assert instance_distance(feature, -feature.mean() * torch.ones(8, 1, 1)) > 0.5


def test_the_closer_view_is_chosen():
    plain, mirrored = torch.randn(8, 4, 4), torch.randn(8, 4, 4)
    assert best_flip(plain, mirrored, target=mirrored)
    assert not best_flip(plain, mirrored, target=plain)


def test_only_cells_of_the_object_count():
    target = torch.randn(8, 4, 4)
    source, mask = torch.randn(8, 4, 4), torch.zeros(4, 4, dtype=torch.bool)
    source[:, :, 0], mask[:, 0] = target[:, :, 0], True
    assert instance_distance(source, target, mask) < 1e-5 < instance_distance(source, target)
