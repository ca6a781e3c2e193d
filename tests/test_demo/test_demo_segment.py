# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv

import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def demo(import_tool):
    return import_tool('demo_segment')


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for name, width in (('a', 16), ('b', 16), ('wide', 24)):
        pixels = np.random.default_rng(width).integers(0, 256, (16, width, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{name}.png'), pixels)
    (folder / 'notes.txt').write_text('no image')
    return folder


def test_pictures_of_files_and_folders(demo, trained_ensemble, photos, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = [*map(str, trained_ensemble), str(photos), '--out', str(out), '--fit', 'stretch']
    assert demo.main([*arguments, '--device', 'cpu', '--batch-size', '2']) == 0
    kinds = ('mask', 'overlay', 'uncertainty')
    expected = {f'{name}_{kind}.png' for name in ('a', 'b', 'wide') for kind in kinds}
    assert {path.name for path in out.glob('*.png')} == expected
    assert np.array(Image.open(out / 'wide_mask.png')).shape == (16, 24)
    assert np.array(Image.open(out / 'wide_overlay.png')).shape == (16, 24, 3)
    rows = list(csv.DictReader((out / 'scores.csv').open()))
    assert [row['image'] for row in rows] == sorted(str(p) for p in photos.glob('*.png'))
    assert all(float(row['uncertainty']) > 0 for row in rows)
    assert '3 images segmented' in capsys.readouterr().out


def test_what_is_wrong_is_said(demo, trained_ensemble, photos, tmp_path, capsys):
    arguments = [*map(str, trained_ensemble), '--out', str(tmp_path / 'out'), '--device', 'cpu']
    assert demo.main([*arguments, str(photos / 'wide.png')]) == 1
    assert "fit='crop' or 'stretch'" in capsys.readouterr().err
    assert demo.main([*arguments, str(photos / 'a.png'), '--opacity', '2']) == 1
    assert '--opacity must be 0 to 1' in capsys.readouterr().err


def test_a_broken_image_does_not_cost_the_scores_before_it(
    demo, trained_ensemble, photos, tmp_path, capsys
):
    (photos / 'b.png').write_bytes(b'no image')
    out = tmp_path / 'out'
    arguments = [*map(str, trained_ensemble), str(photos), '--out', str(out), '--device', 'cpu']
    assert demo.main(arguments) == 1
    assert 'b.png cannot be read as an image' in capsys.readouterr().err
    rows = list(csv.DictReader((out / 'scores.csv').open()))
    assert [row['image'] for row in rows] == [str(photos / 'a.png')]


def test_images_that_cannot_be_listed(demo, photos, tmp_path):
    with pytest.raises(FileNotFoundError, match='no image or folder'):
        demo.list_images([tmp_path / 'nowhere'])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='has no images'):
        demo.list_images([tmp_path / 'empty'])
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match=r"the same name, as \['a'\]"):
        demo.list_images([photos, tmp_path / 'a.jpg'])
