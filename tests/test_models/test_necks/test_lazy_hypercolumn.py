# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.models.necks import Hypercolumns, LazyHypercolumn, resized_sum

SIDES = st.integers(1, 9)


def random_maps(sizes, channels=(3, 2), images=2):
    return [torch.randn(images, c, *size) for c, size in zip(channels, sizes)]


def upsampled(maps, size):
    """The naive formulation: (B, dim, H, W)."""
    resized = [F.interpolate(one, size=size, mode='bilinear') for one in maps]
    return torch.cat(resized, dim=1)


def every_pixel(images, size):
    place = torch.arange(images * size[0] * size[1])
    return place // (size[0] * size[1]), place // size[1] % size[0], place % size[1]


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, SIDES, SIDES)
def test_gathered_pixels_equal_upsample_then_index(h1, w1, h2, w2, height, width):
    maps, size = random_maps([(h1, w1), (h2, w2)]), (height, width)
    columns = Hypercolumns(maps).at(*every_pixel(2, size), size)
    expected = upsampled(maps, size).permute(0, 2, 3, 1).reshape(-1, 5)
    assert torch.allclose(columns, expected, atol=1e-5)


def test_half_precision_is_exact_to_its_rounding():
    maps, size = random_maps([(4, 4), (8, 8)]), (16, 16)
    columns = Hypercolumns(maps).to(torch.float16).at(*every_pixel(2, size), size)
    expected = upsampled(maps, size).permute(0, 2, 3, 1).reshape(-1, 5)
    assert columns.dtype == torch.float32
    assert (columns - expected).abs().max() < 4e-3 * expected.abs().max()


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_linear_before_resizing_equals_linear_behind_it(h1, w1, height, width):
    maps, size = random_maps([(h1, w1), (4, 3)]), (height, width)
    weight = torch.randn(7, 5)
    first = Hypercolumns(maps).project(weight)
    assert [tuple(one.shape) for one in first] == [(2, 7, h1, w1), (2, 7, 4, 3)]
    expected = F.conv2d(upsampled(maps, size), weight[..., None, None])
    assert torch.allclose(resized_sum(first, size), expected, atol=1e-4)


def test_resized_sum_changes_no_map():
    maps = random_maps([(4, 4), (4, 4)], channels=(3, 3))
    copies = [one.clone() for one in maps]
    resized_sum(maps, (4, 4))
    assert all(torch.equal(one, copy) for one, copy in zip(maps, copies))


def test_images_are_taken_and_joined():
    columns = Hypercolumns(random_maps([(2, 2), (4, 4)]))
    assert len(columns) == 2 and columns.dim == 5 and len(columns[1]) == 1
    joined = Hypercolumns.cat([columns[1], columns[0]], num_images=2)
    zero, one = torch.zeros(1, dtype=torch.long), torch.ones(1, dtype=torch.long)
    assert torch.equal(joined.at(zero, zero, one, (8, 8)), columns.at(one, zero, one, (8, 8)))
    assert torch.equal(joined.at(one, zero, one, (8, 8)), columns.at(zero, zero, one, (8, 8)))


def test_images_of_different_sizes_cannot_be_joined():
    parts = [Hypercolumns(random_maps([(2, 2), (side, side)])) for side in (4, 5)]
    with pytest.raises(ValueError, match='Sizes .*one size in the pipeline'):
        Hypercolumns.cat(parts, num_images=4)


@pytest.mark.parametrize('num_images', [1, 3])
def test_another_number_of_images_is_an_error(num_images):
    parts = [Hypercolumns(random_maps([(2, 2)], channels=(3,)))]
    with pytest.raises(ValueError, match=f'of the parts must be {num_images}'):
        Hypercolumns.cat(parts, num_images)


def test_joining_holds_one_part_at_a_time():
    made = []

    def parts():
        for _ in range(3):
            assert all(ref() is None for ref in made[:-1])
            part = Hypercolumns(random_maps([(2, 2)], channels=(3,)))
            made.append(weakref.ref(part))
            yield part
            del part

    joined = Hypercolumns.cat(parts(), num_images=6)
    assert joined.maps[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('shapes', [[], [(2, 3, 4)], [(2, 3, 4, 4), (1, 3, 4, 4)]])
def test_other_things_than_maps_are_refused(shapes):
    with pytest.raises(ValueError, match='maps'):
        Hypercolumns([torch.zeros(shape) for shape in shapes])


def test_neck_orders_by_stride_and_joins_equal_sizes():
    neck = LazyHypercolumn(in_channels=[1, 2, 1, 2], in_strides=[8, 4, 8, 4])
    maps = [torch.full((1, c, s, s), float(i)) for i, (c, s) in enumerate([(1, 2), (2, 4)] * 2)]
    columns = neck(maps)
    assert neck.out_channels == 6 and len(columns.maps) == 2
    zero = torch.zeros(1, dtype=torch.long)
    assert columns.at(zero, zero, zero, (16, 16)).tolist() == [[0, 2, 1, 1, 3, 3]]


def test_neck_without_strides_keeps_the_order():
    neck = LazyHypercolumn(in_channels=[1, 2])
    columns = neck([torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2, 2)])
    assert len(columns.maps) == 2 and columns.dim == 3


@pytest.mark.parametrize('strides', [[8], [8, 4, 2]])
def test_neck_refuses_another_number_of_strides(strides):
    with pytest.raises(ValueError, match='in_strides must have one for each of in_channels'):
        LazyHypercolumn(in_channels=[1, 2], in_strides=strides)
    with pytest.raises(ValueError, match='in_channels must have at least one item'):
        LazyHypercolumn(in_channels=[])


def test_neck_refuses_other_maps():
    neck = LazyHypercolumn(in_channels=[1, 2], in_strides=[4, 4])
    with pytest.raises(ValueError, match=r'Channels of the maps must be \(1, 2\), got \(2, 1\)'):
        neck([torch.zeros(1, 2, 2, 2), torch.zeros(1, 1, 2, 2)])
    with pytest.raises(ValueError, match='maps of one stride must be the same'):
        neck([torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 4, 4)])
