# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.models.encoders import MapLayer, find_map_layers, last_map_layer, stages


def run(network, images):
    return network(images)


class Net(nn.Module):
    """Maps of stride 2 and 4, one that is overwritten, one layer that runs twice, a vector."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 2, 2)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.twice = nn.Conv2d(4, 4, 1)
        self.down = nn.Sequential(nn.Conv2d(4, 6, 2, 2), nn.Dropout())
        self.head = nn.Linear(6, 5)

    def forward(self, images):
        x = self.relu(self.norm(self.stem(images)))
        x = self.down(self.twice(self.twice(x)))
        return self.head(x.mean((2, 3)))


def test_layers_that_give_a_map_once_and_keep_it():
    layers = find_map_layers(Net(), run, 16)
    assert layers == [
        MapLayer('stem', 4, 2),
        MapLayer('relu', 4, 2),
        MapLayer('down.0', 6, 4),
        MapLayer('down.1', 6, 4),
        MapLayer('down', 6, 4),
    ]


def test_the_network_is_left_as_it_was():
    network = Net()
    network.norm.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    find_map_layers(network, run, 16)
    assert network.training and network.down.training and not network.norm.training
    assert not any(module._forward_hooks for module in network.modules())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.block = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
        self.last = nn.Linear(8, 6)

    def forward(self, images):
        tokens = self.block(self.patches(images).flatten(2).transpose(1, 2))
        return self.last(tokens.unflatten(1, (images.shape[2] // 4, -1)))


def test_tokens_need_a_patch_and_maps_may_have_their_channels_last():
    names = [layer.name for layer in find_map_layers(Tokens(), run, 16)]
    assert names == ['patches', 'last']
    layers = find_map_layers(Tokens(), run, 16, patch=4)
    assert layers[1:] == [MapLayer('block', 8, 4), MapLayer('last', 6, 4, channels_last=True)]


def test_a_stage_ends_with_the_last_layer_of_its_stride_that_is_not_inside_a_block():
    layers = [
        MapLayer('stem', 4, 2),
        MapLayer('one.0.conv', 4, 4),
        MapLayer('one.0', 4, 4),
        MapLayer('one', 4, 4),
        MapLayer('two.0.conv', 4, 4),  # inside a block, before it halves the map
        MapLayer('two.0', 8, 8),
        MapLayer('two.1', 8, 8),
        MapLayer('pool', 8, 128),
    ]
    assert stages(layers) == [layers[3], layers[6]]


def test_the_last_layer_and_none_at_all():
    layers = [MapLayer('a', 4, 2), MapLayer('b', 4, 4)]
    assert last_map_layer(layers, Net()) is layers[1]
    with pytest.raises(ValueError, match=r'no layer of Net gives a map .*: name the layer to read'):
        last_map_layer([], Net())
