# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmdiffrep.models.timestep_policies import PolicyNet


@pytest.mark.parametrize(
    ('convolutions', 'size'),
    [
        (2, (16, 16)),
        (2, (28, 28)),
        (2, (32, 32)),
        (2, (64, 48)),
        (2, (160, 224)),
        (3, (34, 34)),
        (3, (64, 48)),
        (3, (160, 224)),
    ],
)
def test_any_image_size(convolutions, size):
    net = PolicyNet(num_actions=11, convolutions=convolutions)
    assert net(torch.randn(2, 3, *size)).shape == (2, 11)


@pytest.mark.parametrize(
    ('convolutions', 'number'),
    [
        # LeNet-5 for color images with 1,000 actions.
        (2, 456 + 2416 + 48120 + 10164 + 85000),
        # A third convolution from 16 to 16 channels, then a map of 16 x 4 x 4.
        (3, 456 + 2416 + 6416 + 30840 + 10164 + 85000),
    ],
)
def test_number_of_parameters_is_the_official_one(convolutions, number):
    net = PolicyNet(num_actions=1000, convolutions=convolutions)
    assert sum(p.numel() for p in net.parameters()) == number


@pytest.mark.parametrize(('convolutions', 'size', 'side'), [(2, 32, 5), (3, 64, 4)])
def test_official_map_is_not_resampled(convolutions, size, side):
    features = PolicyNet(num_actions=2, convolutions=convolutions).features[:-2]
    assert features(torch.randn(1, 3, size, size)).shape == (1, 16, side, side)


def test_three_convolutions_equal_the_official_net():
    net = PolicyNet(num_actions=1000, convolutions=3)
    conv, fc = (
        [m for m in net.modules() if isinstance(m, kind)] for kind in (nn.Conv2d, nn.Linear)
    )
    x = images = torch.randn(2, 3, 64, 64)
    for layer in conv:
        x = F.max_pool2d(layer(x).relu(), 2)
    x = fc[1](fc[0](x.flatten(1)).relu()).relu()
    torch.testing.assert_close(net(images), fc[2](x))


def test_weights_have_the_names_of_earlier_checkpoints():
    assert list(PolicyNet(num_actions=2).state_dict()) == [
        f'{layer}.{kind}'
        for layer in ('features.0', 'features.3', 'classifier.0', 'classifier.2', 'classifier.4')
        for kind in ('weight', 'bias')
    ]


@pytest.mark.parametrize(('convolutions', 'low'), [(2, 16), (3, 34)])
def test_tiny_images_are_refused(convolutions, low):
    with pytest.raises(ValueError, match=f'at least {low} px, got 8x64'):
        PolicyNet(num_actions=2, convolutions=convolutions)(torch.zeros(1, 3, 8, 64))
    with pytest.raises(ValueError, match=f'max_size with .* must be at least {low}'):
        PolicyNet(num_actions=2, max_size=low - 1, convolutions=convolutions)


def test_another_number_of_convolutions_is_refused():
    with pytest.raises(ValueError, match='convolutions must be one of 2, 3, got 4'):
        PolicyNet(num_actions=2, convolutions=4)
