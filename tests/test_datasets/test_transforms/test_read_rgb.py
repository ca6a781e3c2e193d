# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Files of all kinds as 8-bit RGB."""

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets import ReadRGB


def read(path):
    return ReadRGB()(dict(img_path=str(path)))


def test_channels_come_as_rgb(tmp_path):
    Image.new('RGB', (3, 2), (10, 20, 30)).save(tmp_path / 'a.png')
    sample = read(tmp_path / 'a.png')
    assert sample['img'].shape == (2, 3, 3) and sample['img_shape'] == (2, 3)
    assert sample['img'][0, 0].tolist() == [10, 20, 30]
    assert ReadRGB.channel_order == 'rgb'


def test_gray_of_16_bits_keeps_the_upper_8(tmp_path):
    Image.fromarray(np.full((2, 2), 0x8040, np.uint16)).save(tmp_path / 'a.png')
    assert (read(tmp_path / 'a.png')['img'] == 0x80).all()


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'')
    with pytest.raises(ValueError, match='a.png'):
        read(tmp_path / 'a.png')
