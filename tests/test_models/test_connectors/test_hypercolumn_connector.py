# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch
from torch.nn import functional as F

from mmdiffrep.models.connectors import HypercolumnConnector


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
