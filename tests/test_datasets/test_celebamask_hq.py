# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets import CelebAMaskHQDataset
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing.damaged_files import damage

SIZE = 8
LOAD = [dict(type='mmseg.LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
NAMES = ('a', 'b', 'c')


def write_face(root, name, labels, image_size=SIZE):
    image = np.full((image_size, image_size, 3), 128, np.uint8)
    Image.fromarray(image).save(root / 'images' / f'{name}.jpg')
    Image.fromarray(labels.astype(np.uint8)).save(root / 'masks' / f'{name}.png')


@pytest.fixture
def root(tmp_path):
    """Three faces whose masks hold all 19 labels and 255."""
    (tmp_path / 'images').mkdir()
    (tmp_path / 'masks').mkdir()
    labels = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 20
    labels[labels == 19] = 255
    for name in NAMES:
        write_face(tmp_path, name, labels)
    (tmp_path / 'train.txt').write_text('a\nc\n')
    (tmp_path / 'val.txt').write_text('b\n')
    return tmp_path


def test_nineteen_classes(root):
    dataset = CelebAMaskHQDataset(str(root), pipeline=LOAD)
    assert len(dataset) == 2
    assert len(dataset.metainfo['classes']) == len(dataset.metainfo['palette']) == 19
    sample = dataset[1]
    assert sample['img_path'].endswith('c.jpg')
    assert sample['classes'] == dataset.metainfo['classes']
    assert sorted(np.unique(sample['gt_seg_map'])) == [*range(19), 255]


def test_eighteen_classes_with_the_background_ignored(root):
    dataset = CelebAMaskHQDataset(str(root), ignore_background=True, pipeline=LOAD)
    whole = CelebAMaskHQDataset(str(root), pipeline=LOAD)
    assert dataset.metainfo['classes'] == whole.metainfo['classes'][1:]
    assert dataset.metainfo['palette'] == whole.metainfo['palette'][1:]
    labels, all_labels = dataset[0]['gt_seg_map'], whole[0]['gt_seg_map']
    ignored = np.isin(all_labels, [0, 255])
    assert (labels[ignored] == 255).all()
    np.testing.assert_array_equal(labels[~ignored], all_labels[~ignored] - 1)
    skin = dataset.metainfo['classes'].index('skin')
    np.testing.assert_array_equal(labels == skin, all_labels == 1)


def test_built_by_name_with_the_hosts_options(root):
    dataset = DATASETS.build(
        dict(
            type='mmdiffrep.CelebAMaskHQDataset',
            data_root=str(root),
            ann_file='train.txt',
            indices=1,
            pipeline=[*LOAD, dict(type='mmseg.PackSegInputs')],
        )
    )
    assert len(dataset) == 1
    packed = dataset[0]
    assert packed['inputs'].shape == (3, SIZE, SIZE)
    assert packed['data_samples'].gt_sem_seg.data.shape == (1, SIZE, SIZE)


def test_flip_finds_the_pairs_of_either_class_set(root):
    flip = dict(type='mmdiffrep.LeftRightFlip', prob=1.0)
    for ignore_background in (False, True):
        options = dict(data_root=str(root), ignore_background=ignore_background)
        plain = CelebAMaskHQDataset(**options, pipeline=LOAD)[0]['gt_seg_map']
        flipped = CelebAMaskHQDataset(**options, pipeline=[*LOAD, flip])[0]['gt_seg_map']
        left = plain == plain_label(ignore_background, 'l_eye')
        assert left.any()
        np.testing.assert_array_equal(
            flipped == plain_label(ignore_background, 'r_eye'), left[:, ::-1]
        )


def plain_label(ignore_background, name):
    return CelebAMaskHQDataset.METAINFO['classes'].index(name) - ignore_background


def test_mask_of_the_download_names_the_preparation(root):
    write_face(root, 'a', np.zeros((SIZE, SIZE)), image_size=2 * SIZE)
    pipeline = [LOAD[0], dict(type='mmseg.Resize', scale=(4, 4)), LOAD[1]]
    dataset = CelebAMaskHQDataset(str(root), pipeline=pipeline)
    with pytest.raises(ValueError, match=r'shape \(8, 8\).*\(16, 16\).*celebamask.py'):
        dataset[0]
    assert dataset[1]['img'].shape == (4, 4, 3)


def test_missing_root(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist') as raised:
        CelebAMaskHQDataset(str(tmp_path / 'nowhere'))
    message = str(raised.value)
    assert str(tmp_path / 'nowhere') in message
    assert 'tools/prepare_data/celebamask.py' in message
    assert 'https://github.com/switchablenorms/CelebAMask-HQ' in message


def test_unprepared_download_as_root(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'images and .*masks missing in the data root'):
        CelebAMaskHQDataset(str(tmp_path))


def test_missing_list(root):
    with pytest.raises(FileNotFoundError, match=r"test\.txt does not exist\. Lists .*'train\.txt'"):
        CelebAMaskHQDataset(str(root), ann_file='test.txt')


def test_listed_file_missing(root):
    (root / 'masks' / 'c.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 files named by .*c\.png'):
        CelebAMaskHQDataset(str(root))


def test_without_a_list_all_images_are_taken(root):
    assert len(CelebAMaskHQDataset(str(root), ann_file='')) == 3


def test_shifting_option_is_refused(root):
    with pytest.raises(ValueError, match='ignore_background=True'):
        CelebAMaskHQDataset(str(root), reduce_zero_label=True)


def test_misspelt_option_is_refused(root):
    with pytest.raises(TypeError, match='ignore_backgruond'):
        CelebAMaskHQDataset(str(root), ignore_backgruond=True)


@pytest.mark.parametrize(
    'name', ['h my photo (1)', "it's, a", '"quoted"', 'ö \u00e9', 'two  blanks', 'a.b']
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_names_and_lists_that_people_write(root, name, encoding):
    for kind, suffix in (('images', 'jpg'), ('masks', 'png')):
        (root / kind / f'a.{suffix}').rename(root / kind / f'{name}.{suffix}')
    (root / 'train.txt').write_bytes(f'{name}\r\n\r\nc\n\n \n'.encode(encoding))
    dataset = CelebAMaskHQDataset(str(root), pipeline=LOAD)
    assert [path_of(dataset, index) for index in range(len(dataset))] == [name, 'c']
    assert dataset[0]['gt_seg_map'].shape == (SIZE, SIZE)


def path_of(dataset, index):
    return dataset.get_data_info(index)['img_path'].rsplit('/')[-1].removesuffix('.jpg')


def test_empty_lists_are_refused(root):
    (root / 'train.txt').write_text('\n')
    with pytest.raises(ValueError, match=r'train\.txt: 1 images are asked for, but there are 0'):
        CelebAMaskHQDataset(str(root), pipeline=LOAD)


def test_pipes_are_refused_before_they_are_opened(root):
    damage(root / 'masks' / 'a.png', 'pipe')
    with pytest.raises(FileNotFoundError, match=r'masks/a\.png'):
        CelebAMaskHQDataset(str(root), pipeline=LOAD)
