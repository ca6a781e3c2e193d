# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import PolicyNet


@pytest.mark.parametrize('size', [(16, 16), (28, 28), (32, 32), (64, 48), (160, 224)])
def test_any_image_size(size):
    assert PolicyNet(num_actions=11)(torch.randn(2, 3, *size)).shape == (2, 11)


def test_number_of_parameters_is_the_official_one():
    # LeNet-5 for colour images with 1,000 actions: 456 + 2,416 + 48,120 + 10,164 + 85,000.
    assert sum(p.numel() for p in PolicyNet(num_actions=1000).parameters()) == 146156


def test_official_map_at_32_px_is_not_resampled():
    features = PolicyNet(num_actions=2).features[:6]
    assert features(torch.randn(1, 3, 32, 32)).shape == (1, 16, 5, 5)


def test_tiny_images_are_refused():
    with pytest.raises(ValueError, match='at least 16 px, got 8x32'):
        PolicyNet(num_actions=2)(torch.zeros(1, 3, 8, 32))
