# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch

from mmdiffrep.visualization import feature_colors


def test_similar_cells_have_similar_colors_in_both_images():
    kinds = torch.randn(4, 12)
    chosen = torch.arange(4).repeat_interleave(8).view(4, 8)
    maps = [
        kinds[order].permute(2, 0, 1) + 0.01 * torch.randn(12, 4, 8)
        for order in (chosen, chosen.flip(0))
    ]
    first, second = feature_colors(maps)
    assert first.shape == (4, 8, 3) and first.dtype == np.uint8
    assert np.abs(first.astype(int) - second[::-1]).max() < 40
    assert np.abs(first[0].astype(int) - first[1]).mean() > 20


def test_one_channel():
    (picture,) = feature_colors([torch.randn(1, 3, 3)])
    assert picture.shape == (3, 3, 3) and picture[..., 1:].max() == 0
