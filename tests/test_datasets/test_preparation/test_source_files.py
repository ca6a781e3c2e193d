# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.preparation.source_files import (
    DamagedSourceError,
    read_image,
    read_mask,
    refuse_problems,
    run_tool,
    upright_size,
)
from mmdiffrep.testing.damaged_files import DAMAGES, damage

RAMP = np.linspace(0, 65535, 24 * 16).reshape(24, 16).astype(np.uint16)
COLORS = np.random.default_rng(0).integers(0, 256, (24, 16, 4), np.uint8)


def save_16_bit_rgb(path):
    cv2.imwrite(str(path), np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2))


def save_palette_with_alpha(path):
    image = Image.fromarray(COLORS[..., :3]).quantize(16)
    image.info['transparency'] = 3
    image.save(path, transparency=3)


WRITERS = {
    'gray16.png': lambda path: Image.fromarray(RAMP).save(path),
    'gray16.tif': lambda path: Image.fromarray(RAMP).save(path),
    'rgb16.png': save_16_bit_rgb,
    'rgba.png': lambda path: Image.fromarray(COLORS).save(path),
    'la.png': lambda path: Image.fromarray(COLORS).convert('LA').save(path),
    'palette.png': save_palette_with_alpha,
    'bits.png': lambda path: Image.fromarray(RAMP > 30000).save(path),
    'gray.png': lambda path: Image.fromarray(COLORS[..., 0]).save(path),
}


@pytest.mark.parametrize('name', WRITERS)
def test_images_are_read_as_mmcv_reads_them(tmp_path, name):
    WRITERS[name](tmp_path / name)
    own = np.asarray(read_image(tmp_path / name)).astype(int)
    other = mmcv.imread(str(tmp_path / name), channel_order='rgb').astype(int)
    assert np.abs(own - other).max() <= 1


@pytest.mark.parametrize('orientation', range(1, 9))
def test_images_are_upright_as_mmcv_turns_them(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'a.jpg'
    gray = np.repeat(np.linspace(0, 255, 24 * 16).reshape(24, 16, 1), 3, axis=2)
    Image.fromarray(gray.astype(np.uint8)).save(path, exif=exif, quality=95)
    image = read_image(path)
    other = mmcv.imread(str(path), channel_order='rgb')
    assert np.abs(np.asarray(image).astype(int) - other).max() <= 4
    assert upright_size(path) == image.size


@pytest.mark.parametrize('kind', ['tif', 'im'])
def test_pixels_of_unknown_range_are_refused(tmp_path, kind):
    for index, dtype in enumerate((np.int32, np.float32)):
        path = tmp_path / f'{index}.{kind}'
        Image.fromarray(RAMP.astype(dtype)).save(path)
        with pytest.raises(DamagedSourceError, match=rf'{path.name}: pixels of 32 bits'):
            read_image(path)


def test_masks_keep_their_values(tmp_path):
    values = np.array([[0, 1, 300]], np.uint16)
    Image.fromarray(values).save(tmp_path / 'deep.png')
    assert np.array_equal(read_mask(tmp_path / 'deep.png'), values)
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / 'flat.png')
    assert np.array_equal(read_mask(tmp_path / 'flat.png'), values.astype(np.uint8))


@pytest.mark.parametrize('kind', sorted({*DAMAGES} - {'zeroed middle'}))
@pytest.mark.parametrize('read', [read_image, read_mask, upright_size])
def test_damaged_files_are_named(tmp_path, kind, read):
    path = tmp_path / 'a.png'
    Image.fromarray(COLORS[..., :3]).save(path)
    damage(path, kind)
    with pytest.raises(DamagedSourceError, match=r'a\.png'):
        read(path)


def test_all_problems_are_listed_up_to_a_limit():
    with pytest.raises(DamagedSourceError, match=r'(?s)3 files:\n  a\n  b\n  c\nAdvice'):
        refuse_problems('3 files', ['a', 'b', 'c'], 'Advice')
    with pytest.raises(DamagedSourceError, match=r'\.\.\. and 50 more'):
        refuse_problems('many', ['a'] * 250, '')
    refuse_problems('none', [], '')


@pytest.mark.parametrize(
    ('error', 'status', 'text'),
    [
        (OSError(28, 'No space left on device'), 1, 'error: No space left on device'),
        (ValueError('wrong'), 1, 'error: wrong'),
        (KeyboardInterrupt(), 130, 'goes on from here'),
        (None, 0, ''),
    ],
)
def test_tools_report_errors_in_one_line(capsys, error, status, text):
    def prepare():
        if error:
            raise error

    assert run_tool(prepare) == status
    assert text in capsys.readouterr().err
