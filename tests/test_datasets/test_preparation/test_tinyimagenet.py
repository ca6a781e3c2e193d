# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpretrain.datasets import CustomDataset

from mmdiffrep.datasets.preparation import tinyimagenet
from mmdiffrep.datasets.preparation.tinyimagenet import prepare_tinyimagenet
from mmdiffrep.testing.damaged_files import damage as damage_file

TOOL = Path(__file__).parents[3] / 'tools' / 'prepare_data' / 'tinyimagenet.py'
WNIDS = ('n01', 'n02', 'n03')


@pytest.fixture
def download(tmp_path, monkeypatch):
    """The layout of the archive with 3 classes of 2 training images and 1 validation image."""
    monkeypatch.setattr(tinyimagenet, 'NUM_CLASSES', 3)
    monkeypatch.setattr(tinyimagenet, 'PER_CLASS', dict(train=2, val=1))
    root = tmp_path / 'tiny-imagenet-200'
    rows = []
    for index, wnid in enumerate(WNIDS):
        for folder in (root / 'train' / wnid / 'images', root / 'val' / 'images'):
            folder.mkdir(parents=True, exist_ok=True)
        image = np.full((64, 64, 3), index * 50, np.uint8)
        for number in range(2):
            cv2.imwrite(str(root / 'train' / wnid / 'images' / f'{wnid}_{number}.JPEG'), image)
        (root / 'train' / wnid / f'{wnid}_boxes.txt').write_text('')
        cv2.imwrite(str(root / 'val' / 'images' / f'val_{2 - index}.JPEG'), image)
        rows.append(f'val_{2 - index}.JPEG\t{wnid}\t0\t32\t44\t62')
    (root / 'val' / 'val_annotations.txt').write_text('\n'.join(rows) + '\n')
    (root / 'wnids.txt').write_text('\n'.join(reversed(WNIDS)) + '\n')
    return root


def test_classes_of_both_splits_agree(download, tmp_path):
    report = prepare_tinyimagenet(download, tmp_path / 'out')
    assert report == ({'train': 6, 'val': 3}, 9)
    for split in ('train', 'val'):
        dataset = CustomDataset(data_root=str(tmp_path / 'out'), data_prefix=split)
        assert dataset.metainfo['classes'] == WNIDS
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            gray = cv2.imread(info['img_path']).mean()
            assert abs(gray - 50 * info['gt_label']) < 3, info


def test_second_run_finds_everything(download, tmp_path):
    prepare_tinyimagenet(download, tmp_path / 'out')
    assert prepare_tinyimagenet(download, tmp_path / 'out').written == 0


def test_copies_where_links_are_impossible(download, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError('not supported')

    monkeypatch.setattr(tinyimagenet.os, 'link', no_links)
    assert prepare_tinyimagenet(download, tmp_path / 'out').written == 9


def damage(root, kind):
    if kind == 'no annotations':
        (root / 'val' / 'val_annotations.txt').unlink()
    elif kind == 'class is short':
        (root / 'train' / 'n02' / 'images' / 'n02_1.JPEG').unlink()
    elif kind == 'empty file':
        (root / 'val' / 'images' / 'val_0.JPEG').write_bytes(b'')
    elif kind == 'unknown class':
        path = root / 'val' / 'val_annotations.txt'
        path.write_text(path.read_text().replace('n03', 'n99'))
    else:
        (root / 'wnids.txt').write_text('n01\nn02\n')


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        ('no annotations', r'val_annotations.txt\nTiny-ImageNet comes from its authors'),
        ('class is short', r'train: 1 classes without their 2 images \(n02: 1\)'),
        ('empty file', 'val: 1 missing or empty files: .*val_0.JPEG'),
        ('unknown class', r'val: 2 classes without their 1 images \(n03: 0, n99: 1\)'),
        ('classes', 'names 2 classes, not 3'),
    ],
)
def test_what_is_missing_is_named_before_anything_is_written(download, tmp_path, kind, message):
    damage(download, kind)
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        prepare_tinyimagenet(download, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_tool_reports_and_fails_in_one_message(download, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    assert main([str(tmp_path / 'nowhere'), '--out', str(tmp_path / 'out')]) == 1
    assert capsys.readouterr().err.startswith('error: Tiny-ImageNet: not found:')
    assert main([str(download), '--out', str(tmp_path / 'out')]) == 0
    out = capsys.readouterr().out
    assert 'train 6, val 3' in out and '9 images written, 0 were there already.' in out


@pytest.mark.parametrize('kind', ['cut half', 'text', 'all zero', 'pipe'])
def test_damaged_images_are_all_named_and_the_other_split_is_written(download, tmp_path, kind):
    names = ('n01/images/n01_0.JPEG', 'n03/images/n03_1.JPEG')
    for name in names:
        damage_file(download / 'train' / name, kind)
    with pytest.raises(ValueError, match='missing or empty|2 images of .* are damaged') as raised:
        prepare_tinyimagenet(download, tmp_path / 'out')
    assert all(Path(name).name in str(raised.value) for name in names)
    assert not (tmp_path / 'out' / 'train').exists()
    assert (tmp_path / 'out' / 'val').exists() is (kind != 'pipe')
