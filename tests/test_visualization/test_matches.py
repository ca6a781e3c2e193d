# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from mmdiffrep.visualization import draw_matches


def test_lines_run_between_the_points():
    source, target = np.zeros((96, 64, 3), np.uint8), np.zeros((48, 48, 3), np.uint8)
    points, matches = np.array([[32.0, 48.0]]), np.array([[24.0, 24.0]])
    picture = draw_matches(source, target, points, matches)
    assert picture.shape == (384, 256 + 12 + 384, 3)
    x, y = round(32.5 * 4), round(48.5 * 4)
    assert picture[y, x].max() > 200  # the point
    assert picture[190:202, (130 + 464) // 2].max() > 100  # the line


def test_similarity_is_a_third_panel():
    image = np.zeros((48, 48, 3), np.uint8)
    heat = np.zeros((48, 48))
    heat[10, 20] = 1
    picture = draw_matches(image, image, np.zeros((0, 2)), np.zeros((0, 2)), heat)
    assert picture.shape == (384, 3 * 384 + 24, 3)
    y, x = np.unravel_index(picture[:, 2 * 396 :].sum(2).argmax(), (384, 384))
    assert abs(y / 8 - 10.5) < 1 and abs(x / 8 - 20.5) < 1
