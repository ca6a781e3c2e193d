# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.necks import TapPyramid


def maps_for(neck, height, width, batch=2):
    return [
        torch.randn(batch, channels, height // stride, width // stride)
        for _ in range(neck.num_timesteps)
        for channels, stride in zip(neck.in_channels, neck.in_strides)
    ]


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (64, 96), (128, 32)])
def test_levels_of_any_image_size(height, width):
    neck = TapPyramid([8, 8, 4, 4], [32, 16, 8, 4], num_timesteps=2, out_channels=32)
    assert neck.sources == [[3], [2], [1], [0]]
    assert [layers[0].in_channels for layers in neck.levels] == [8, 8, 16, 16]
    levels = neck(maps_for(neck, height, width))
    expected = [(2, 32, height // stride, width // stride) for stride in (4, 8, 16, 32)]
    assert [tuple(level.shape) for level in levels] == expected


def test_missing_strides_come_from_the_nearest_tap():
    neck = TapPyramid(
        [3, 4, 5], [4, 4, 2], out_channels=8, out_strides=(1, 2, 4, 8, 16), num_groups=2
    )
    assert neck.sources == [[2], [2], [0, 1], [0, 1], [0, 1]]
    levels = neck(maps_for(neck, 32, 48))
    assert [tuple(one.shape[2:]) for one in levels] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


def test_between_two_taps_the_finer_one_is_read():
    assert TapPyramid([4, 4], [2, 8], out_strides=(4,)).sources == [[0]]


def test_maps_are_joined_and_resized_without_weights_of_position():
    neck = TapPyramid(
        [2], [4], num_timesteps=2, out_channels=4, out_strides=(2, 4, 8), num_groups=2
    )
    maps = [torch.randn(1, 2, 4, 4) for _ in range(2)]
    joined = torch.cat(maps, dim=1)
    finer = torch.nn.functional.interpolate(joined, scale_factor=2, mode='bilinear')
    coarser = torch.nn.functional.avg_pool2d(joined, 2)
    for level, layers, expected in zip(neck(maps), neck.levels, (finer, joined, coarser)):
        torch.testing.assert_close(level, layers(expected))


def test_odd_sides_are_rounded_up():
    neck = TapPyramid([4], [4], out_strides=(8,), out_channels=32)
    assert neck([torch.randn(1, 4, 5, 3)])[0].shape == (1, 32, 3, 2)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(in_strides=[4]), r'one for each of the taps: 2, got 1'),
        (dict(out_strides=(8, 4)), r'out_strides must rise, got'),
        (dict(out_strides=()), r'out_strides must have at least one'),
        (dict(in_strides=[4, 0]), r'at least 1'),
        (dict(out_channels=100), r'out_channels .* must be a multiple of 32'),
        (dict(num_timesteps=0), r'num_timesteps must be'),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TapPyramid(**{**dict(in_channels=[4, 4], in_strides=[4, 8]), **options})


def test_other_maps_are_refused():
    neck = TapPyramid([4, 8], [4, 8])
    with pytest.raises(ValueError, match=r'must be \[4, 8\], got \[8, 4\]'):
        neck(maps_for(neck, 16, 16)[::-1])
    with pytest.raises(ValueError, match=r'must be \[4, 8\], got \[4, 8, 4, 8\]'):
        neck(maps_for(neck, 16, 16) * 2)
