# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import io
import math

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.visualization import draw_overlay, draw_uncertainty, image_png, mask_png

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
LABELS = np.array([[0, 1], [2, 1]])


def opened(png):
    return Image.open(io.BytesIO(png))


def test_overlay_mixes_image_and_color():
    image = np.full((2, 2, 3), 100, np.uint8)
    assert np.array_equal(draw_overlay(image, LABELS, PALETTE, opacity=0), image)
    assert np.array_equal(
        draw_overlay(image, LABELS, PALETTE, opacity=1), np.array(PALETTE, np.uint8)[LABELS]
    )
    half = draw_overlay(image, LABELS, PALETTE)
    assert half[0, 1].tolist() == [178, 50, 50] and half.dtype == np.uint8


@pytest.mark.parametrize(('shape', 'opacity'), [((3, 2), 0.5), ((2, 2), 1.5)])
def test_overlay_of_what_does_not_fit(shape, opacity):
    with pytest.raises(ValueError, match='size of the image|opacity must be'):
        draw_overlay(np.zeros((*shape, 3), np.uint8), LABELS, PALETTE, opacity)


def test_uncertainty_has_one_scale_for_all_images():
    picture = draw_uncertainty(np.array([[0.0, math.log(2)], [0.1, 2.0]]))
    assert picture.shape == (2, 2, 3) and picture.dtype == np.uint8
    assert picture[0, 0].sum() < picture[1, 0].sum() < picture[0, 1].sum()
    assert np.array_equal(picture[0, 1], picture[1, 1]), 'clipped at ln 2'


def test_mask_holds_labels_and_shows_colors():
    picture = opened(mask_png(LABELS, PALETTE, {'score': '0.25'}))
    assert np.array_equal(np.array(picture), LABELS)
    assert np.array_equal(np.array(picture.convert('RGB')), np.array(PALETTE)[LABELS])
    assert picture.text == {'score': '0.25'}


@pytest.mark.parametrize('label', [-1, 256])
def test_labels_that_do_not_fit(label):
    with pytest.raises(ValueError, match='labels 0 to 255'):
        mask_png(np.full((2, 2), label), PALETTE)


def test_image():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(np.array(opened(image_png(image))), image)
