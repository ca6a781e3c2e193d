# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.random_weights import draw_weights, random_weights


def network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4))


def test_own_weights_come_back_bit_for_bit():
    module = network()
    module(torch.randn(4, 3, 6, 6))  # running statistics
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with random_weights(module):
        assert not torch.equal(module[0].weight, before['0.weight'])
        assert not module[1].running_mean.any()
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with pytest.raises(RuntimeError, match='inside'), random_weights(module):
        raise RuntimeError('inside')
    assert torch.equal(module[0].weight, before['0.weight'])


def test_a_seed_gives_one_network_and_leaves_the_random_state():
    first, second, third = network(), network(), network()
    state = torch.get_rng_state()
    for module, seed in ((first, 0), (second, 0), (third, 1)):
        draw_weights(module, seed)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[0].weight, third[0].weight)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(50, 40))
        self.scale = nn.Parameter(torch.zeros(4))
        self.bias = nn.Parameter(torch.ones(4))


def test_parameters_outside_of_layers():
    module = Tokens()
    draw_weights(module)
    assert module.table.std().item() == pytest.approx(0.02, rel=0.1)
    assert module.scale.eq(1).all() and module.bias.eq(0).all()


def test_a_denoiser_reads_as_another_network_meanwhile():
    denoiser = load_denoiser(tiny_teacher()).freeze()
    images, t = torch.zeros(1, 3, 16, 16), torch.tensor([3])
    before = denoiser(images, t, taps=['mid'])['mid']
    with random_weights(denoiser.network, seed=1):
        assert not torch.equal(denoiser(images, t, taps=['mid'])['mid'], before)
    assert torch.equal(denoiser(images, t, taps=['mid'])['mid'], before)
