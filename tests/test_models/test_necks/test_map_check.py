# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the necks of maps refuse alike."""

import pytest
import torch

from mmdiffrep.models.necks import ConvPool, PoolFlatten


@pytest.mark.parametrize('neck', [PoolFlatten([3], pool=4), ConvPool([3], side=4)])
@pytest.mark.parametrize(
    ('maps', 'message'),
    [
        ([torch.randn(1, 3, 2, 2)], r'4x4 cells, which is finer than a map of 2x2'),
        ([torch.randn(1, 5, 8, 8)], r'maps with \[3\] channels.* but got \[5\]'),
        ([torch.randn(1, 3, 8, 8)] * 2, r'1 maps, 1 taps at 1 timesteps, but got 2'),
        ([torch.randn(1, 3)], r'sequence of maps \(B, C, h, w\)'),
        (torch.randn(1, 3, 8, 8), r'sequence of maps \(B, C, h, w\)'),
    ],
)
def test_other_maps_are_refused(neck, maps, message):
    with pytest.raises(ValueError, match=rf'{type(neck).__name__}.* {message}'):
        neck(maps)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: PoolFlatten([3], pool=0), r'PoolFlatten: pool must be .* got 0'),
        (lambda: PoolFlatten([0]), r'channels of each tap'),
        (lambda: PoolFlatten(3), r'channels of each tap'),
        (lambda: ConvPool([3], side=1.5), r'side must be an integer'),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
