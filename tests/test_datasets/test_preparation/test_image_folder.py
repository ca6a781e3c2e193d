# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a folder of photographs holds, and which of its files cannot be read."""

import os

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.preparation.image_folder import look_through
from mmdiffrep.testing.damaged_files import damage

DAMAGES = (
    *('empty', 'one byte', 'header only', 'cut half', 'cut at 90 %', 'zeroed middle', 'all zero'),
    *('text', 'bomb', 'pipe', 'folder', 'dangling link'),
)


def photo(seed=0, size=(48, 40)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def test_all_damaged_files_are_named_and_nothing_else(tmp_path):
    for index, kind in enumerate(DAMAGES):
        path = tmp_path / 'sub' / f'{index}.png'
        path.parent.mkdir(exist_ok=True)
        photo(index).save(path)
        damage(path, kind)
    photo().save(tmp_path / 'good.jpg')
    report = look_through(tmp_path)
    assert sorted(report.bad) == sorted(f'sub/{index}.png' for index in range(12))
    assert list(report.images) == ['good.jpg']
    assert all(report.bad.values()) and str(tmp_path) not in report.bad['sub/3.png']


@pytest.mark.parametrize('suffix', ['jpg', 'webp', 'tif'])
@pytest.mark.parametrize('kind', ['empty', 'cut half', 'text'])
def test_other_formats(tmp_path, suffix, kind):
    path = tmp_path / f'a.{suffix}'
    photo().save(path)
    photo().save(tmp_path / 'b.png')
    damage(path, kind)
    assert list(look_through(tmp_path).bad) == [path.name]


def test_a_jpeg_that_is_damaged_inside_is_named(tmp_path):
    photo(size=(200, 200)).save(tmp_path / 'a.jpg')
    damage(tmp_path / 'a.jpg', 'zeroed middle')
    report = look_through(tmp_path)
    assert not report.bad
    assert 'a.jpg may be damaged inside: Corrupt JPEG data' in '\n'.join(report.lines())


def test_modes_depths_and_sizes(tmp_path):
    photo().save(tmp_path / 'a.jpg')
    photo(size=(200, 100)).convert('RGBA').save(tmp_path / 'b.png')
    photo().convert('L').save(tmp_path / 'c.png')
    Image.fromarray(np.full((40, 48), 60_000, np.uint16)).save(tmp_path / 'd.png')
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / 'e.tif')
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / '.hidden.jpg').write_text('x')
    report = look_through(tmp_path)
    assert '32 bits' in report.bad['e.tif']
    assert [facts.mode for facts in report.images.values()][:3] == ['RGB', 'RGBA', 'L']
    text = '\n'.join(report.lines(64))
    for expected in (
        '4 images',
        '48 to 200 x 40 to 100 px',
        '3 smaller than 64 px',
        '1 of 16 bits',
        '1 with alpha',
        '1 other files are ignored (.txt 1)',
    ):
        assert expected in text


def test_the_digest_tells_other_files(tmp_path):
    photo().save(tmp_path / 'a.png')
    first = look_through(tmp_path).digest
    assert look_through(tmp_path).digest == first
    photo().save(tmp_path / 'b.png')
    assert look_through(tmp_path).digest != first


def test_links_in_a_circle_end(tmp_path):
    photo().save(tmp_path / 'a.png')
    (tmp_path / 'again').symlink_to(tmp_path)
    assert list(look_through(tmp_path).images) == ['a.png']


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    photo().save(tmp_path / 'good.jpg')
    (tmp_path / 'closed').mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    report = look_through(tmp_path)
    assert report.bad == {'closed/': 'Permission denied'} and list(report.images) == ['good.jpg']


def test_no_folder_and_no_image(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder'):
        look_through(tmp_path / 'nowhere')
    (tmp_path / 'a.txt').write_text('x')
    with pytest.raises(ValueError, match='It holds 1 other files'):
        look_through(tmp_path)
