# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.matching import RGBPatches, nearest


def test_patches_find_a_shifted_texture():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    patches = RGBPatches(patch=5, size=32)
    points = torch.tensor([[10.0, 12.0], [20.0, 9.0]])
    maps = patches.features(image), patches.features(np.roll(image, (3, 4), axis=(0, 1)))
    found, _ = nearest(*maps, points, (32, 32), (32, 32))
    assert torch.equal(found, points + torch.tensor([4.0, 3.0]))


def test_a_patch_needs_a_center():
    with pytest.raises(ValueError, match='patch must be odd'):
        RGBPatches(patch=4)
