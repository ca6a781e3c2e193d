# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Maps and arguments that all tap necks refuse."""

import pytest
import torch

from mmdiffrep.models.necks import ConvPool, PoolFlatten


@pytest.mark.parametrize('neck', [PoolFlatten([3], pool=4), ConvPool([3], side=4)])
@pytest.mark.parametrize(
    ('maps', 'message'),
    [
        ([torch.randn(1, 3, 2, 2)], r'4x4 cells, but a map has only 2x2'),
        ([torch.randn(1, 5, 8, 8)], r'channels must be \[3\], got \[5\]'),
        ([torch.randn(1, 3, 8, 8)] * 2, r'channels must be \[3\], got \[3, 3\]'),
        ([torch.randn(1, 3)], r'maps \(B, C, h, w\)'),
        (torch.randn(1, 3, 8, 8), 'maps must be a list'),
    ],
)
def test_other_maps_are_refused(neck, maps, message):
    with pytest.raises((TypeError, ValueError), match=rf'{type(neck).__name__}.* {message}'):
        neck(maps)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: PoolFlatten([3], pool=0), r'PoolFlatten: pool must be .* got 0'),
        (lambda: PoolFlatten([0]), r'in_channels must be'),
        (lambda: PoolFlatten(3), r'in_channels must be'),
        (lambda: ConvPool([3], side=1.5), r'side must be int, got 1.5'),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()
