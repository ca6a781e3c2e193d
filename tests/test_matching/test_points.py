# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.matching.points import check_points

SIZE = (24, 20)  # height and width


@pytest.mark.parametrize('points', [[[0, 0], [19, 23]], [[3.5, 22.9]], []])
def test_points_in_any_form_come_as_float32(points):
    expected = torch.tensor(points, dtype=torch.float32).view(-1, 2)
    for given in (points, np.array(points), torch.tensor(points)):
        found = check_points(given, SIZE)
        assert found.dtype == torch.float32 and torch.equal(found, expected)


@pytest.mark.parametrize('point', [[20, 3], [3, 24], [-0.1, 3], [3, -1], [float('nan'), 1]])
def test_points_outside_are_counted_and_the_first_is_named(point):
    message = (
        f'1 of 2 points lie outside the source image of 20 x 24 pixels, the first at \\[{point[0]}'
    )
    with pytest.raises(ValueError, match=message):
        check_points([[1, 1], point], SIZE)


def test_points_have_two_coordinates():
    with pytest.raises(ValueError, match=r'each of points \(x, y\) must be \(2,\), got \(3,\)'):
        check_points([[1, 2, 3]], SIZE)
