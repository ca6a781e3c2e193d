# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.map_ranks import EARLY, MapRank, map_ranks
from mmdiffrep.testing import tiny_teacher

IMAGES = torch.rand(4, 3, 16, 16) * 2 - 1


def test_ranks_of_a_model_and_of_its_random_twin():
    denoiser = load_denoiser(tiny_teacher()).freeze()
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    found = map_ranks(denoiser, IMAGES, ['mid', 'dec.0'], [2, 15])
    assert list(found) == [(2, 'mid'), (2, 'dec.0'), (15, 'mid'), (15, 'dec.0')]
    for value in found.values():
        assert 1 <= value.rank <= 16 and 1 <= value.random <= 16
        assert value.rank != value.random
    after = denoiser.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert map_ranks(denoiser, IMAGES, ['mid'], [2])[2, 'mid'] == pytest.approx(found[2, 'mid'])


def test_a_collapsed_model_looks_early():
    """Biases alone, the same for every image, leave the last map few directions."""
    denoiser = load_denoiser(tiny_teacher()).freeze()
    for name, value in denoiser.network.named_parameters():
        if 'up_blocks' in name and name.endswith('conv2.weight'):
            value[1:] = value[:1]  # all channels of the block's branch are one
        if 'up_blocks' in name and name.endswith('conv_shortcut.weight'):
            value[1:] = value[:1]
    value = map_ranks(denoiser, IMAGES, ['dec.3'], [2])[2, 'dec.3']
    assert value.early and value.share == value.rank / value.random < EARLY


def test_share_of_nothing():
    assert MapRank(rank=0.0, random=0.0).share == 0
    assert MapRank(rank=0.0, random=0.0).early
