# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Random parts of images at one size."""

import numpy as np
import pytest

from mmdiffrep.datasets import RandomView


def ramp(height, width):
    """An image whose red channel is the column, whose green channel is the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image


def test_whole_squares_stay_as_they_are():
    view = RandomView(50, scale=(1.0, 1.0), flip=0.0)(dict(img=ramp(50, 50)))
    assert np.array_equal(view['img'], ramp(50, 50)) and view['flip'] is False


def test_flips_mirror():
    view = RandomView(50, scale=(1.0, 1.0), flip=1.0)(dict(img=ramp(50, 50)))
    assert np.array_equal(view['img'], ramp(50, 50)[:, ::-1]) and view['flip'] is True


def test_parts_have_the_asked_share_of_the_area_and_lie_inside():
    np.random.seed(0)
    transform = RandomView(32, scale=(0.25, 0.5), flip=0.0)
    boxes = np.array([transform._box(200, 100) for _ in range(200)])
    assert boxes.min() >= 0 and boxes[:, 2].max() <= 200 and boxes[:, 3].max() <= 100
    shares = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 20_000
    assert shares.max() <= 0.5 + 1e-9 and np.median(shares) > 0.3
    assert len({tuple(box) for box in boxes}) == 200


def test_a_seed_repeats_the_view():
    views = []
    for _ in range(2):
        np.random.seed(3)
        views.append(RandomView(16)(dict(img=ramp(60, 80)))['img'])
    assert np.array_equal(*views) and views[0].shape == (16, 16, 3)


@pytest.mark.parametrize(
    'options', [dict(size=0), dict(size=8, scale=(0.5, 0.1)), dict(size=8, flip=2)]
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError):
        RandomView(**options)
