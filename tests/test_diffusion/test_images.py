# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.diffusion.images import check_unit_range, to_batch

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
EXPECTED = torch.from_numpy(PIXELS).permute(2, 0, 1).float() / 127.5 - 1


@pytest.mark.parametrize(
    'given',
    [
        Image.fromarray(PIXELS),
        PIXELS,
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        EXPECTED,
        [PIXELS],
    ],
    ids=['PIL', 'array', 'uint8 tensor', 'float tensor', 'list'],
)
def test_one_image_is_a_batch_of_one(given):
    assert torch.equal(to_batch(given), EXPECTED[None])


def test_what_is_not_a_batch():
    with pytest.raises(TypeError, match=r'\(str\)'):
        to_batch('face.png')
    with pytest.raises(ValueError, match=r'got \[\(4, 5\), \(5, 4\)\]: resize'):
        to_batch([PIXELS, PIXELS.transpose(1, 0, 2)])
    with pytest.raises(ValueError, match='8 bits per channel'):
        to_batch(Image.new('F', (4, 4)))


def test_range():
    check_unit_range(EXPECTED[None])
    with pytest.raises(ValueError, match=r'127.5 - 1 of images in 0 \.\. 255'):
        check_unit_range(EXPECTED[None] * 127.5 + 127.5)
    with pytest.warns(UserWarning, match=r'if they are in \[0, 1\]'):
        check_unit_range(EXPECTED[None] / 2 + 0.5)
