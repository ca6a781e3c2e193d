# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.models.distillers.timestep_connector import TimestepConnector, timestep_embedding


def test_begins_as_a_convolution_and_learns_the_timestep():
    connector = TimestepConnector(3, 5, depth=2)
    feature, t = torch.randn(2, 3, 4, 4), torch.tensor([10, 900])
    torch.testing.assert_close(connector(feature, t), connector.projection(feature))
    # Feature and image are the same at both timesteps, their targets are not.
    feature = feature[:1].expand(2, -1, -1, -1)
    target = torch.stack([torch.zeros(5, 4, 4), torch.ones(5, 4, 4)])
    optimizer = torch.optim.Adam(connector.parameters(), lr=1e-2)
    for _ in range(60):
        loss = (connector(feature, t) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05  # blind to t, 0.25 is the best there is


def test_embedding_tells_timesteps_apart():
    rows = timestep_embedding(torch.tensor([0, 1, 50, 999]))
    assert rows.shape == (4, 64)
    distances = torch.cdist(rows, rows) + 9 * torch.eye(4)
    assert distances.min() > 0.5
