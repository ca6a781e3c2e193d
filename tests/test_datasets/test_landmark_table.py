# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A csv of landmarks, row by row."""

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.landmark_table import LandmarkTable

HEADER = 'file,x0,y0,x1,y1\n'


def table(tmp_path, rows, header=HEADER):
    path = tmp_path / 'faces.csv'
    path.write_text(header + rows)
    return LandmarkTable.read(str(path))


def test_blank_cells_are_missing_points(tmp_path):
    found = table(tmp_path, 'a.png,1,2,3,4,5,6\n\nb.png,5,6,,,7,8\n', 'file,x0,y0,x1,y1,x2,y2\n')
    assert found.names == ['a.png', 'b.png'] and found.lines == [2, 4]
    assert found.points[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.visible.tolist() == [[True] * 3, [True, False, True]]


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('a.png,1,2,3', 'expected a file name and 4 numbers, got 4 cells'),
        ('a.png,1,2,3,x', "expected a file name and 4 numbers, got 'x'"),
        ('a.png,1,2,3,1_0', "got '1_0'"),
        ('a.png,1,2,3,inf', 'a coordinate is not finite'),
        ('a.png,1,2,3,', 'point 1 has one coordinate'),
        ('a.png,,,,', 'no point is given'),
        ('a.png,1,2,-1,-1', 'looks like "missing"'),
        ('a.png,0.1,0.2,0.3,0.4', 'give pixels, not shares'),
        ('a.png,3,4,3,4', 'needs two places or more'),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path, row, message):
    with pytest.raises(ValueError, match=f'faces.csv, line 3: .*{message}'):
        table(tmp_path, f'ok.png,1,2,3,4\n{row}\n')


@pytest.mark.parametrize('header', ['', 'file\n', 'x0,y0\n', 'file,x0,x1,y0,y1\n'])
def test_another_header_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match="expected the header 'file,x0,y0"):
        table(tmp_path, 'a.png,1,2,3,4\n', header)


def test_points_far_outside_of_the_image_are_named(tmp_path):
    Image.fromarray(np.zeros((20, 10, 3), np.uint8)).save(tmp_path / 'a.png')
    table(tmp_path, 'a.png,1,2,14,25\n').check_against_images(str(tmp_path))
    far = table(tmp_path, 'a.png,1,2,3,40\n')
    with pytest.raises(ValueError, match=r'line 2: point 1 \(3, 40\) lies far outside a.png'):
        far.check_against_images(str(tmp_path))
