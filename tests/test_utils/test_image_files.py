# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.testing.damaged_files import damage
from mmdiffrep.utils.image_files import read_mask, read_rgb


def test_masks_of_both_years(tmp_path):
    of_2016, of_2017 = np.array([[0, 255]], np.uint8), np.array([[0, 2, 255]], np.uint8)
    Image.fromarray(of_2016).save(tmp_path / 'a.png')
    image = Image.fromarray(of_2017).convert('P')
    image = Image.fromarray(of_2017)
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / 'b.png')
    assert read_mask(str(tmp_path / 'a.png')).tolist() == [[0, 1]]
    assert read_mask(str(tmp_path / 'b.png')).tolist() == [[0, 2, 255]]
    (tmp_path / 'c.png').write_bytes(b'no')
    with pytest.raises(OSError, match=r'c\.png could not be read as a mask'):
        read_mask(str(tmp_path / 'c.png'))


def test_images_are_upright_rgb(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(pixels).save(tmp_path / 'a.png', exif=exif)
    np.testing.assert_array_equal(read_rgb(str(tmp_path / 'a.png')), np.rot90(pixels, -1))
    (tmp_path / 'b.png').write_bytes(b'no image')
    with pytest.raises(OSError, match=r'b\.png could not be read as an image'):
        read_rgb(str(tmp_path / 'b.png'))


@pytest.mark.parametrize('read', [read_rgb, read_mask])
@pytest.mark.parametrize('kind', ['empty', 'cut half', 'bomb', 'text', 'pipe', 'folder'])
def test_damaged_files_are_named(tmp_path, read, kind):
    path = tmp_path / 'a.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), np.uint8)).save(path)
    damage(path, kind)
    with pytest.raises(OSError, match=r'a\.png could not be read as a'):
        read(str(path))
