# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from mmdiffrep.visualization import draw_segmentation_grid
from mmdiffrep.visualization.segmentation_grid import colorize

PALETTE = [(0, 0, 0), (255, 0, 0), (0, 0, 255)]


def test_labels_become_their_colors():
    white = [255, 255, 255]
    out = colorize(np.array([[0, 1], [2, 255], [3, -1]]), PALETTE)
    assert out.tolist() == [[[0, 0, 0], [255, 0, 0]], [[0, 0, 255], white], [white, white]]


def test_picture_shows_every_column(tmp_path):
    images = [np.full((8, 8, 3), 128, dtype=np.uint8)] * 2
    columns = {'truth': [np.ones((8, 8), int)] * 2, 'student': [np.full((8, 8), 2)] * 2}
    draw_segmentation_grid(tmp_path / 'grid.png', images, columns, PALETTE, title='faces')
    picture = cv2.imread(str(tmp_path / 'grid.png'))
    colors = {tuple(color) for color in picture.reshape(-1, 3)[:, ::-1].tolist()}
    assert {(128, 128, 128), (255, 0, 0), (0, 0, 255)} <= colors


def test_pictures_are_shown_as_they_are(tmp_path):
    images = [np.zeros((8, 8, 3), np.uint8)]
    columns = {'uncertainty': [np.full((8, 8, 3), (10, 200, 30), np.uint8)]}
    draw_segmentation_grid(tmp_path / 'grid.png', images, columns, PALETTE)
    picture = cv2.imread(str(tmp_path / 'grid.png'))
    assert (picture == (30, 200, 10)).all(axis=2).any()


def test_wrong_number_of_maps(tmp_path):
    with pytest.raises(ValueError, match="'truth' must have one for each of images: 1, got 0"):
        draw_segmentation_grid(tmp_path / 'x.png', [np.zeros((2, 2, 3))], {'truth': []}, PALETTE)
