# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.distillers.pyramid_connector import PyramidConnector

SIZES = (16, 8, 4, 2)


def stages():
    torch.manual_seed(0)
    return [torch.randn(2, c, s, s, requires_grad=True) for c, s in zip((4, 6, 8, 10), SIZES)]


def test_a_map_for_every_layer():
    maps = PyramidConnector((4, 6, 8, 10), channels=12)(stages())
    assert [tuple(m.shape) for m in maps] == [(2, 12, s, s) for s in SIZES]


@pytest.mark.parametrize('level', range(4))
def test_levels_mix_from_the_top_down(level):
    """A map depends on its own layer and the deeper ones, not on shallower ones."""
    inputs = stages()
    PyramidConnector((4, 6, 8, 10), channels=12)(inputs)[level].square().sum().backward()
    for index, stage in enumerate(inputs):
        used = stage.grad is not None and bool(stage.grad.any())
        assert used == (index >= level)


def test_one_layer_is_pooled_only():
    (out,) = PyramidConnector((6,), channels=8, pool_sizes=(1, 2))([torch.randn(2, 6, 4, 4)])
    assert out.shape == (2, 8, 4, 4)


def test_bad_sizes():
    with pytest.raises(ValueError, match='each of pool_sizes must be at least 1, got 0'):
        PyramidConnector((6,), pool_sizes=(0,))
