# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os.path as osp

import cv2
import numpy as np
import pytest

from mmdiffrep.datasets.image_list_dataset import ImageListDataset
from mmdiffrep.registry import DATASETS


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'images' / 'deep').mkdir(parents=True)
    for value, name in enumerate(['b.jpg', 'a.PNG', 'deep/c.png']):
        cv2.imwrite(str(tmp_path / 'images' / name), np.full((4, 4, 3), value, np.uint8))
    (tmp_path / 'images' / 'notes.txt').write_text('not an image')
    (tmp_path / 'list.txt').write_text('b\n\ndeep/c.png\n')
    return tmp_path


def names(dataset):
    return [osp.basename(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))]


def test_a_folder_without_a_list_is_read_in_the_order_of_the_names(root):
    dataset = DATASETS.build(
        dict(type='mmdiffrep.ImageListDataset', data_root=str(root), img_dir='images')
    )
    assert names(dataset) == ['a.PNG', 'b.jpg', 'c.png']


def test_a_list_decides_what_is_read_and_in_which_order(root):
    dataset = ImageListDataset(data_root=str(root), img_dir='images', ann_file='list.txt')
    assert names(dataset) == ['b.jpg', 'c.png']


def test_the_pipeline_gets_the_path(root):
    dataset = ImageListDataset(
        data_root=str(root), img_dir='images', pipeline=[dict(type='LoadImageFromFile')], indices=1
    )
    assert len(dataset) == 1
    assert dataset[0]['img'].shape == (4, 4, 3)


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        (dict(data_root='/nowhere'), FileNotFoundError, 'set data_root'),
        (dict(ann_file='no.txt'), FileNotFoundError, 'no.txt does not exist'),
        (dict(img_suffixes=('.webp',)), ValueError, 'no image'),
    ],
)
def test_missing_data_is_named(root, changes, error, message):
    with pytest.raises(error, match=message):
        ImageListDataset(**{'data_root': str(root), 'img_dir': 'images', **changes})


def test_a_listed_image_that_is_missing_is_named(root):
    (root / 'list.txt').write_text('b\nd\n')
    with pytest.raises(FileNotFoundError, match=r'1 files named by .*d\.jpg'):
        ImageListDataset(data_root=str(root), img_dir='images', ann_file='list.txt')
