# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.matching.images import load_image
from mmdiffrep.testing.damaged_files import damage
from mmdiffrep.utils.image_files import open_stored, read_mask, read_rgb, upright_size


def test_masks_of_both_years(tmp_path):
    of_2016, of_2017 = np.array([[0, 255]], np.uint8), np.array([[0, 2, 255]], np.uint8)
    Image.fromarray(of_2016).save(tmp_path / 'a.png')
    image = Image.fromarray(of_2017)
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / 'b.png')
    assert read_mask(str(tmp_path / 'a.png')).tolist() == [[0, 1]]
    assert read_mask(str(tmp_path / 'b.png')).tolist() == [[0, 2, 255]]
    (tmp_path / 'c.png').write_bytes(b'no')
    with pytest.raises(OSError, match=r'c\.png could not be read as a mask'):
        read_mask(str(tmp_path / 'c.png'))


def test_masks_that_are_pictures_are_refused(tmp_path):
    gray = np.repeat(np.array([[[0], [255]]], np.uint8), 3, axis=2)  # as bear/00077 of DAVIS 2016
    Image.fromarray(gray).save(tmp_path / 'a.png')
    assert read_mask(str(tmp_path / 'a.png')).tolist() == [[0, 1]]
    Image.fromarray(np.array([[1, 300]], np.uint16)).save(tmp_path / 'b.png')
    assert read_mask(str(tmp_path / 'b.png')).tolist() == [[1, 300]]
    gray[0, 0, 2] = 9
    for name, pixels in {'c.png': gray, 'd.tif': np.ones((1, 2), np.float32)}.items():
        Image.fromarray(pixels).save(tmp_path / name)
        with pytest.raises(OSError, match=rf'{name} could not be read as a mask: a picture of'):
            read_mask(str(tmp_path / name))


GRAY = np.linspace(0, 255, 24 * 16).reshape(24, 16).astype(np.uint8)
DEEP = np.linspace(0, 65535, 24 * 16).reshape(24, 16).astype(np.uint16)
COLORS = np.random.default_rng(0).integers(0, 256, (24, 16, 4), np.uint8)


def _turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRAY).save(path, exif=exif)


def _animated(path):
    frames = [Image.fromarray(np.full((24, 16, 3), level, np.uint8)) for level in (10, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


WRITERS = {
    'gray16.png': lambda path: Image.fromarray(DEEP).save(path),
    'gray16.tif': lambda path: Image.fromarray(DEEP).save(path),
    'gray16.pgm': lambda path: cv2.imwrite(path, DEEP),
    'rgb16.png': lambda path: cv2.imwrite(path, np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], 2)),
    'rgba.png': lambda path: Image.fromarray(COLORS).save(path),
    'rgba.webp': lambda path: Image.fromarray(COLORS).save(path, lossless=True),
    'la.png': lambda path: Image.fromarray(COLORS).convert('LA').save(path),
    'palette.png': lambda path: Image.fromarray(COLORS[..., :3]).quantize(9).save(path),
    'cmyk.jpg': lambda path: Image.fromarray(COLORS[..., :3]).convert('CMYK').save(path),
    'turned.jpg': _turned,
    'turned.png': _turned,
    'turned.webp': _turned,
    'turned.tif': lambda path: Image.fromarray(GRAY).save(path, tiffinfo={0x0112: 6}),
    'animated.gif': _animated,
    'animated.png': _animated,
    'pages.tif': _animated,
}


@pytest.mark.parametrize('name', WRITERS)
def test_every_reader_gives_what_mmcv_gives(tmp_path, name):
    path = str(tmp_path / name)
    WRITERS[name](path)
    expected = mmcv.imread(path, channel_order='rgb').astype(int)
    images = [path] if name == 'turned.tif' else [path, Image.open(path)]  # Pillow scrambles it
    for image in images:
        found = ((load_image(image) + 1) * 127.5).round().permute(1, 2, 0).numpy()
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1
    assert np.array_equal(read_rgb(path), found)
    with open_stored(path) as image:
        assert upright_size(image) == expected.shape[1::-1]


@pytest.mark.parametrize('dtype', [np.int32, np.float32])
def test_images_of_unknown_range_are_refused(tmp_path, dtype):
    path = str(tmp_path / 'a.tif')
    Image.fromarray(DEEP.astype(dtype)).save(path)
    with pytest.raises(OSError, match=r'a\.tif could not be read .* pixels of 32 bits'):
        read_rgb(path)
    with pytest.raises(ValueError, match='pixels of 32 bits'):
        load_image(Image.open(path))


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
