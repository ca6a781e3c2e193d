# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import Draws, StratifiedTimestep

IMAGES = torch.zeros(2, 3, 8, 8)


def test_every_image_once_in_every_bin():
    uniforms = torch.tensor([0.0, 0.5, 0.0, 0.9999, 0.25, 1 - 1e-16], dtype=torch.float64)
    policy = StratifiedTimestep(bins=3, low=10, high=40)
    assert policy.num_samples == 3 and policy.max_timestep == 39
    assert policy(IMAGES, Draws(uniforms)).t.tolist() == [10, 15, 20, 29, 32, 39]


def test_more_bins_than_timesteps():
    with pytest.raises(ValueError, match='high must be at least 14'):
        StratifiedTimestep(bins=4, low=10, high=13)
