# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from mmdiffrep.models.distillers.connectors import (
    ConvConnector,
    HypercolumnConnector,
    MLPConnector,
)


def test_commutes_with_pooling():
    connector = ConvConnector(3, 5)
    feature = torch.randn(2, 3, 4, 4)
    assert connector(feature).shape == (2, 5, 4, 4)
    pooled = connector(feature.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(pooled, connector(feature).mean(dim=(2, 3), keepdim=True))


@pytest.mark.parametrize(('hidden', 'width'), [(None, 5), (7, 7)])
def test_a_perceptron_on_every_pixel(hidden, width):
    connector = MLPConnector(3, 5, hidden_channels=hidden)
    feature = torch.randn(2, 3, 4, 6)
    out = connector(feature)
    assert out.shape == (2, 5, 4, 6)
    first, second = connector.layers[0], connector.layers[2]
    assert first.weight.shape == (width, 3, 1, 1)
    pixel = F.relu(F.linear(feature[1, :, 2, 3], first.weight[:, :, 0, 0], first.bias))
    torch.testing.assert_close(
        out[1, :, 2, 3], F.linear(pixel, second.weight[:, :, 0, 0], second.bias)
    )


def test_equals_one_convolution_over_the_resized_concatenation():
    connector = HypercolumnConnector((3, 5, 7), out_channels=4).double()
    stages = [torch.randn(2, c, s, s).double() for c, s in ((3, 8), (5, 4), (7, 2))]
    resized = [F.interpolate(stage, size=(8, 8), mode='bilinear') for stage in stages]
    weight = torch.cat([projection.weight for projection in connector.projections], dim=1)
    expected = F.conv2d(torch.cat(resized, dim=1), weight, connector.projections[0].bias)
    torch.testing.assert_close(connector(stages, (8, 8)), expected)
    assert torch.equal(connector(stages, (32, 32)), connector(stages, (8, 8)))


def test_largest_size_may_come_last():
    connector = HypercolumnConnector((3, 5), out_channels=4)
    stages = [torch.randn(1, 3, 2, 2), torch.randn(1, 5, 6, 4)]
    assert connector(stages, (8, 8)).shape == (1, 4, 6, 4)
    assert connector(stages, (3, 8)).shape == (1, 4, 3, 4)


def test_stages_above_the_teachers_size_are_averaged():
    connector = HypercolumnConnector((3, 5), out_channels=4).double()
    large, small = torch.randn(2, 3, 8, 8).double(), torch.randn(2, 5, 1, 1).double()
    first, second = connector.projections
    expected = F.avg_pool2d(first(large), 4) + second(small)
    torch.testing.assert_close(connector([large, small], (2, 2)), expected)
    uneven = F.adaptive_avg_pool2d(first(large), (3, 5)) + second(small)
    torch.testing.assert_close(connector([large, small], (3, 5)), uneven)


def test_a_wide_convolution_keeps_the_size():
    connector = ConvConnector(3, 5, kernel_size=3)
    assert connector(torch.randn(2, 3, 4, 6)).shape == (2, 5, 4, 6)
    with pytest.raises(ValueError, match='kernel_size must be odd.* got 2'):
        ConvConnector(3, 5, kernel_size=2)


def test_a_perceptron_with_normalization():
    """EUPE's: linear without bias, layer normalization, GELU, linear."""
    connector = MLPConnector(3, 5, hidden_channels=8, layer_norm=True, activation='gelu')
    feature = torch.randn(2, 3, 4, 4)
    first, norm, _, second = connector.layers
    assert first.bias is None
    pixel = F.layer_norm(first.weight[:, :, 0, 0] @ feature[1, :, 2, 3], (8,))
    expected = F.linear(F.gelu(pixel * norm.weight), second.weight[:, :, 0, 0], second.bias)
    torch.testing.assert_close(connector(feature)[1, :, 2, 3], expected)
