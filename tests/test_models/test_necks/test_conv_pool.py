# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.necks import ConvPool


def test_reads_a_grid():
    neck = ConvPool([3, 2], side=8, channels=(6, 4), num_timesteps=2)
    shapes = [(3, 8), (2, 16)] * 2
    maps = [torch.randn(2, channels, side, side) for channels, side in shapes]
    (vector,) = neck(maps)
    assert vector.shape == (2, neck.out_channels) == (2, 4)
    vector.sum().backward()
    assert all(each.grad is not None for each in neck.parameters())
    neck.eval()
    mirrored = [one.flip(3) for one in maps]
    assert not torch.allclose(neck(maps)[0], neck(mirrored)[0]), 'unlike a pooled vector'


@pytest.mark.parametrize('channels', [(), 8, (8, 0)])
def test_wrong_widths_are_refused(channels):
    with pytest.raises((TypeError, ValueError), match='ConvPool: channels must'):
        ConvPool([3], side=4, channels=channels)
