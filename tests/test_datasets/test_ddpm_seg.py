# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.registry import DATASETS

LOAD = [dict(type='mmseg.LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
NUM = dict(train=30, test=20)  # official for cat_15


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / 'cat_15'
    for part in ('images', 'masks'):
        (folder / part).mkdir(parents=True)
    for split, count in NUM.items():
        names = [f'{split}_{index:02d}' for index in range(count + 1)]
        (folder / f'{split}.txt').write_text('\n'.join(names))
        for index, name in enumerate(names):
            Image.new('RGB', (8, 8)).save(folder / 'images' / f'{name}.png')
            mask = np.full((8, 8), index % 15, np.uint8)
            mask[0] = 255
            Image.fromarray(mask).save(folder / 'masks' / f'{name}.png')
    return tmp_path


def build(root, split='train', **options):
    cfg = dict(
        type='mmdiffrep.DDPMSegDataset',
        category='cat_15',
        split=split,
        data_root=str(root),
        pipeline=LOAD,
    )
    return DATASETS.build({**cfg, **options})


def names(dataset):
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    return [info['img_path'].rsplit('/', 1)[1][:-4] for info in infos]


def test_published_split_and_numbers(root):
    train, test = build(root), build(root, 'test')
    assert names(train) == [f'train_{index:02d}' for index in range(30)]
    assert names(test) == [f'test_{index:02d}' for index in range(20)]
    assert train.metainfo['classes'][13] == 'whiskers' and len(train.metainfo['palette']) == 15
    item = train[3]
    assert item['img'].shape == (8, 8, 3)
    assert item['gt_seg_map'][1, 0] == 3 and item['gt_seg_map'][0, 0] == 255


def test_random_splits_divide_all_images_anew(root):
    pool = {f'{split}_{index:02d}' for split, count in NUM.items() for index in range(count + 1)}
    seen = set()
    for repeat in range(5):
        train, test = (names(build(root, split, repeat=repeat)) for split in NUM)
        assert (len(train), len(test)) == (30, 20)
        assert not set(train) & set(test) and set(train) | set(test) <= pool
        assert any(name.startswith('test') for name in train)
        assert train == names(build(root, repeat=repeat))
        seen.add(tuple(train))
    assert len(seen) == 5


def test_other_numbers(root):
    assert names(build(root, num_images=2)) == ['train_00', 'train_01']
    with pytest.raises(ValueError, match='train: 32 images are asked for, but there are 31'):
        build(root, num_images=32)


def test_fewer_images_than_officially(root):
    (root / 'cat_15' / 'test.txt').write_text('test_00\n')
    with pytest.raises(ValueError, match='test: 20 images are asked for, but there are 1'):
        build(root, 'test')


def test_wrong_arguments(root):
    with pytest.raises(ValueError, match="got 'cats_15'. Did you mean cat_15"):
        build(root, category='cats_15')
    with pytest.raises(ValueError, match="split must be one of .* got 'val'"):
        build(root, 'val')
    for wrong in (dict(num_images=0), dict(repeat=-1)):
        with pytest.raises(ValueError, match='must be at least'):
            build(root, **wrong)
    with pytest.raises(TypeError, match='pipelin'):
        build(root, pipelin=[])


def test_missing_data_say_how_to_get_them(root):
    (root / 'cat_15' / 'masks' / 'train_05.png').unlink()
    with pytest.raises(FileNotFoundError, match=r"(?s)1 files .*train_05\.png'\].*ddpm_seg\.py"):
        build(root)
    with pytest.raises(FileNotFoundError, match=r'horse_21/train\.txt does not exist\. Get'):
        build(root, category='horse_21')


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (np.full((8, 8), 15, np.uint8), r'labels \[15\] are out of range'),
        (np.zeros((8, 6), np.uint8), r'the mask has shape \(8, 6\)'),
    ],
)
def test_masks_are_checked(root, mask, message):
    Image.fromarray(mask).save(root / 'cat_15' / 'masks' / 'train_00.png')
    with pytest.raises(ValueError, match=message):
        build(root)[0]
