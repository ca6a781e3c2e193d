# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.models.connectors import ConvConnector


def test_commutes_with_pooling():
    connector = ConvConnector(3, 5)
    feature = torch.randn(2, 3, 4, 4)
    assert connector(feature).shape == (2, 5, 4, 4)
    pooled = connector(feature.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(pooled, connector(feature).mean(dim=(2, 3), keepdim=True))
