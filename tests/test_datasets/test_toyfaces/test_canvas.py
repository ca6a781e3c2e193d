# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces.canvas import Canvas, fixed_point, superellipse


def test_filled_square_covers_its_area():
    canvas = Canvas(100)
    canvas.fill(np.array(((0.2, 0.3), (0.6, 0.3), (0.6, 0.5), (0.2, 0.5))), 7)
    rows, columns = np.nonzero(canvas.pixels == 7)
    assert abs(len(rows) - 40 * 20) < 2 * (40 + 20) / 2 + 4
    assert columns.mean() == pytest.approx(39.5, abs=0.6)
    assert rows.mean() == pytest.approx(39.5, abs=0.6)


def test_pixel_centers():
    assert (fixed_point(np.array((0.5, 0.5)), 1) == 0).all()
    assert fixed_point(np.array(((1.5 / 8, 0.5 / 8),)), 8).tolist() == [[16, 0]]


def test_line_has_its_width():
    canvas = Canvas(100)
    canvas.line(np.array(((0.1, 0.5), (0.9, 0.5))), 3, width=0.05)
    assert (canvas.pixels[:, 50] == 3).sum() in (5, 6, 7)


def test_clipped_paints_only_onto_the_given_materials():
    canvas, shape = Canvas(8), Canvas(8)
    canvas.pixels[:4], canvas.pixels[4:] = 1, 2
    shape.pixels[2:6, 2:6] = 1
    canvas.clipped(shape, 9, onto=(2,))
    expected = np.repeat((1, 2), 4)[:, None] * np.ones((1, 8), int)
    expected[4:6, 2:6] = 9
    assert np.array_equal(canvas.pixels, expected)


def test_clipping_an_empty_shape_paints_nothing():
    canvas = Canvas(8)
    canvas.clipped(Canvas(8), 9, onto=(0,))
    assert not canvas.pixels.any()


def test_superellipse():
    round_, box = (superellipse((1.0, 2.0), (3.0, 4.0), exponent) for exponent in (2, 50))
    np.testing.assert_allclose((((round_ - (1, 2)) / (3, 4)) ** 2).sum(1), 1)
    assert (np.abs((box - (1, 2)) / (3, 4)).max(1) > 0.95).all()
