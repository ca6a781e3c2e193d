# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images of all kinds become one kind of tensor."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.matching.images import image_size, load_image

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
EXPECTED = torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 127.5 - 1


def test_files_pictures_arrays_and_tensors_are_the_same(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / 'a.png')
    given = [tmp_path / 'a.png', str(tmp_path / 'a.png'), Image.fromarray(PIXELS), PIXELS, EXPECTED]
    for image in given:
        assert torch.equal(load_image(image), EXPECTED)
    assert image_size(EXPECTED) == (4, 5)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (PIXELS[..., :2], r'an RGB array \(H, W, 3\), got shape \(4, 5, 2\)'),
        (PIXELS.astype(np.float32), 'dtype of an RGB array must be'),
        (EXPECTED[:2], r'\(3, H, W\), got shape \(2, 4, 5\)'),
        (EXPECTED.to(torch.uint8), 'dtype of an RGB image'),
        (7, 'image must be str or Path or Image'),
    ],
)
def test_others_are_refused(image, message):
    with pytest.raises((TypeError, ValueError), match=message):
        load_image(image)
