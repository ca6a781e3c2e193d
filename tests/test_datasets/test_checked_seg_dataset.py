# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmdiffrep.datasets.checked_seg_dataset import CheckedSegDataset

LOAD = dict(type='LoadImageFromFile')


def test_wrong_label_names_the_file(pictures, checked):
    Image.fromarray(np.full((8, 8), 3, np.uint8)).save(pictures / 'masks' / 'b.png')
    dataset = checked()
    assert dataset[0]['classes'] == ('a', 'b', 'c')
    with pytest.raises(ValueError, match=r'b\.png: labels \[3\] are out of range.*0\.\.2'):
        dataset[1]


def test_mask_of_another_size_than_its_image(pictures, checked):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(pictures / 'images' / 'a.jpg')
    resize = dict(type='mmseg.Resize', scale=(4, 4))
    dataset = checked(LOAD, resize, dict(type='mmseg.LoadAnnotations'))
    with pytest.raises(ValueError, match=r'shape \(8, 8\).*\(16, 16\)'):
        dataset[0]
    assert dataset[1]['img'].shape == (4, 4, 3)


def test_check_follows_a_loading_transform_object(checked):
    dataset = checked(LOAD, LoadAnnotations())
    names = [type(transform).__name__ for transform in dataset.pipeline.transforms]
    assert names == ['LoadImageFromFile', 'LoadAnnotations', 'CheckSegMap']


def test_images_without_masks(checked):
    dataset = checked(LOAD, masks=None)
    assert len(dataset) == 2 and 'seg_map_path' not in dataset.get_data_info(0)
    assert dataset[0]['img'].shape == (8, 8, 3)


def test_masks_of_16_bits_are_refused(pictures, checked):
    Image.fromarray(np.full((8, 8), 300, np.uint16)).save(pictures / 'masks' / 'a.png')
    with pytest.raises(ValueError, match=r'a\.png has pixels of more than 8 bits'):  # 44 as 8 bits
        checked()[0]


def test_first_names_of_a_list():
    names = ['a', 'b', 'c']
    assert CheckedSegDataset.first_names(names, 'list') == names
    assert CheckedSegDataset.first_names(names, 'list', 2) == ['a', 'b']
    message = r'list: 4 images are asked for, but there are 3\. Make more\.'
    with pytest.raises(ValueError, match=message):
        CheckedSegDataset.first_names(names, 'list', 4, 'Make more.')
    with pytest.raises(ValueError, match='1 images are asked for, but there are 0'):
        CheckedSegDataset.first_names([], 'list')
