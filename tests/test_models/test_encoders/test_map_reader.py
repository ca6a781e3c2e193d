# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.models.encoders import MapReader
from mmdiffrep.models.encoders.map_reader import tokens_to_map


def laid_out(rows, columns, channels=2):
    """A map whose cells are numbered row by row, and its tokens."""
    numbers = torch.arange(rows * columns * channels).float()
    tokens = numbers.view(1, rows * columns, channels)
    return tokens, tokens.view(1, rows, columns, channels).permute(0, 3, 1, 2)


@pytest.mark.parametrize('prefix', [0, 1, 5])
def test_class_and_register_tokens_come_first_and_are_dropped(prefix):
    tokens, expected = laid_out(2, 3)
    given = torch.cat([torch.full((1, prefix, 2), -1.0), tokens], dim=1)
    assert torch.equal(tokens_to_map(given, 16, 24, patch=8), expected)


def test_stages_of_hierarchical_transformers_merge_patches():
    tokens, expected = laid_out(2, 3)
    assert torch.equal(tokens_to_map(tokens, 32, 48, patch=4), expected)  # 4 x 4 patches a token


@pytest.mark.parametrize(
    ('count', 'patch', 'message'),
    [
        (6, None, '6 tokens of 2 channels: give .patch.'),
        (5, 8, '5 tokens do not belong to an image of 16 x 24 px in patches of 8 x 8'),
        (6 + 33, 8, '39 tokens do not belong'),
        (6, 32, '6 tokens do not belong'),
    ],
)
def test_tokens_of_another_image_are_refused(count, patch, message):
    with pytest.raises(ValueError, match=message):
        tokens_to_map(torch.zeros(1, count, 2), 16, 24, patch)


class Three(nn.Module):
    """A map, the same with channels last, and a vector."""

    def __init__(self):
        super().__init__()
        self.map, self.last, self.vector = nn.Conv2d(3, 4, 2, 2), nn.Identity(), nn.Linear(4, 5)

    def forward(self, images):
        found = self.map(images)
        return self.vector(self.last(found.permute(0, 2, 3, 1)).mean((1, 2)))


@torch.no_grad()
def test_layers_come_as_maps_and_vectors_with_channels_first():
    network, images = Three(), torch.randn(2, 3, 8, 12)
    read = MapReader(network, ['vector', 'last', 'map'], channels_last=[False, True, False])
    vector, last, found = read(lambda: network(images), images)
    assert torch.equal(found, network.map(images)) and found.shape == (2, 4, 4, 6)
    assert torch.equal(last, found)
    assert torch.equal(vector, network(images)) and vector.shape == (2, 5)
