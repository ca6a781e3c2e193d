# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from mmdiffrep.models.distillers.connectors import (
    ChannelStandardizer,
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
    torch.testing.assert_close(connector(stages), expected)


def test_largest_size_may_come_last():
    connector = HypercolumnConnector((3, 5), out_channels=4)
    assert connector([torch.randn(1, 3, 2, 2), torch.randn(1, 5, 6, 4)]).shape == (1, 4, 6, 4)


def test_first_batch_has_zero_mean_and_unit_variance():
    feature = torch.randn(8, 3, 4, 4) * torch.tensor([1.0, 10.0, 0.1])[:, None, None] + 5
    out = ChannelStandardizer(3)(feature)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        out.var(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-3, rtol=0
    )


def test_statistics_are_cumulative_at_first():
    batches = [torch.randn(4, 2, 3, 3) + shift for shift in (0.0, 2.0, 7.0)]
    standardizer = ChannelStandardizer(2, momentum=0.01)
    for batch in batches:
        standardizer(batch)
    everything = torch.cat(batches)
    torch.testing.assert_close(standardizer.mean, everything.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(standardizer.square, everything.square().mean(dim=(0, 2, 3)))


def test_eval_mode_leaves_the_statistics():
    standardizer = ChannelStandardizer(2).eval()
    standardizer(torch.randn(4, 2, 3, 3) + 9)
    assert standardizer.num_batches == 0
    assert torch.equal(standardizer.mean, torch.zeros(2))
