# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from mmdiffrep.models.encoders import load_encoder


@pytest.fixture
def mine(monkeypatch):
    """A module of one's own, with functions that build networks."""
    module = ModuleType('my_networks')
    module.build = lambda width=4: nn.Sequential(nn.Conv2d(3, width, 1))
    module.number = lambda: 3
    monkeypatch.setitem(sys.modules, 'my_networks', module)
    return module


def test_a_module_is_taken_as_it_is():
    network = nn.Conv2d(3, 4, 1)
    loaded = load_encoder(network)
    assert loaded.network is network and loaded.source == 'Conv2d (given in Python)'
    assert loaded.mean is None and loaded.patch is None


def test_a_function_is_called_with_the_options(mine):
    loaded = load_encoder('python:my_networks:build', options=dict(width=7))
    assert loaded.network[0].out_channels == 7 and loaded.source == 'python:my_networks:build'


def test_the_source_says_where_the_weights_come_from(mine, tmp_path):
    weights = nn.Sequential(nn.Conv2d(3, 4, 1)).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / 'mine.pth')
    loaded = load_encoder('python:my_networks:build', checkpoint=str(tmp_path / 'mine.pth'))
    assert loaded.source == f'python:my_networks:build={tmp_path / "mine.pth"}'
    assert torch.equal(loaded.network[0].weight, weights['0.weight'])
    drawn = load_encoder('python:my_networks:build', init='random')
    assert drawn.source == 'python:my_networks:build (random weights)'


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('python:my_networks:biuld', None, "'python:my_networks:biuld' names no function"),
        ('python:nowhere:build', None, "names no function: expected 'python:package.module:func"),
        ('python:build', None, 'names no function'),
        ('python:my_networks:number', None, 'returned int, not a module'),
        ('python:my_networks:build', dict(depth=3), r"Check the options \{'depth': 3\} of python:"),
        ('tim:resnet18', None, "must begin with one of python:, timm:, .* got 'tim:resnet18'"),
    ],
)
def test_names_that_give_no_network(mine, name, options, message):
    with pytest.raises(ValueError, match=message):
        load_encoder(name, options=options)


def test_what_is_no_name_is_refused():
    with pytest.raises(TypeError, match='name of a network must be str, got 3'):
        load_encoder(3)
    with pytest.raises(ValueError, match="init must be one of 'pretrained', 'random'"):
        load_encoder('torchvision:resnet18', init='imagenet')
