# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from mmdiffrep.models.connectors import MLPConnector


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
