# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets import DatasetDDPM
from mmdiffrep.visualization import image_png, mask_png

PALETTE = [[0, 0, 0], [9, 9, 9]]
PIPELINE = [
    dict(type='mmseg.LoadImageFromFile'),
    dict(type='mmseg.LoadAnnotations'),
    dict(type='mmseg.PackSegInputs'),
]


@pytest.fixture
def folder(tmp_path):
    for kind in ('images', 'masks'):
        (tmp_path / kind).mkdir()
    for index in range(3):
        image = np.full((8, 8, 3), index, np.uint8)
        (tmp_path / 'images' / f'{index}.png').write_bytes(image_png(image))
        mask = np.full((8, 8), index % 2)
        (tmp_path / 'masks' / f'{index}.png').write_bytes(mask_png(mask, PALETTE))
    (tmp_path / 'train.txt').write_text('2\n0\n1\n')
    description = dict(classes=['a', 'b'], palette=PALETTE)
    (tmp_path / 'dataset.json').write_text(json.dumps(description))
    return tmp_path


def test_images_and_masks_in_the_order_of_the_list(folder):
    dataset = DatasetDDPM(str(folder), pipeline=PIPELINE)
    samples = [dataset[index] for index in range(3)]
    assert [int(sample['inputs'].max()) for sample in samples] == [2, 0, 1]
    assert [int(s['data_samples'].gt_sem_seg.data.max()) for s in samples] == [0, 0, 1]
    assert dataset.metainfo['classes'] == ('a', 'b') and dataset.metainfo['palette'] == PALETTE
    assert dataset.get_data_info(0)['classes'] == ('a', 'b')


def test_the_surest_images(folder):
    dataset = DatasetDDPM(str(folder), num_images=2, pipeline=PIPELINE)
    assert [dataset.get_data_info(i)['img_path'][-5:] for i in range(2)] == ['2.png', '0.png']


def test_more_images_than_there_are(folder):
    with pytest.raises(ValueError, match='4 images are asked for, but there are 3. Make more'):
        DatasetDDPM(str(folder), num_images=4)
    with pytest.raises(ValueError, match='at least 1'):
        DatasetDDPM(str(folder), num_images=0)


@pytest.mark.parametrize('name', ['dataset.json', 'train.txt'])
def test_no_data_set(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf'{name} does not exist.*make_dataset_ddpm\.py'):
        DatasetDDPM(str(folder))


def test_missing_mask(folder):
    (folder / 'masks' / '0.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 files .* missing.*masks/0\.png'):
        DatasetDDPM(str(folder))


def test_masks_that_are_off(folder):
    dataset = DatasetDDPM(str(folder), pipeline=PIPELINE)
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(folder / 'masks' / '2.png')
    with pytest.raises(ValueError, match=r'labels \[7\] are out of range'):
        dataset[0]
    Image.fromarray(np.zeros((4, 8), np.uint8)).save(folder / 'masks' / '0.png')
    with pytest.raises(ValueError, match=r'the mask has shape \(4, 8\)'):
        dataset[1]
