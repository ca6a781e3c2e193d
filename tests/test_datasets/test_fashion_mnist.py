# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import gzip
import struct

import numpy as np
import pytest

from mmdiffrep.registry import DATASETS


def idx(array):
    return b'\0\0\x08' + struct.pack(f'>B{array.ndim}I', array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    """The four files with 12 and 5 images; the training files are packed."""
    rng = np.random.default_rng(0)
    for prefix, count, suffix, pack in (
        ('train', 12, '.gz', gzip.compress),
        ('t10k', 5, '', bytes),
    ):
        images = rng.integers(1, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        (tmp_path / f'{prefix}-images-idx3-ubyte{suffix}').write_bytes(pack(idx(images)))
        (tmp_path / f'{prefix}-labels-idx1-ubyte{suffix}').write_bytes(pack(idx(labels)))
        np.save(tmp_path / f'{prefix}.npy', images)
    return tmp_path


def build(folder, **kwargs):
    cfg = dict(type='mmdiffrep.FashionMNISTDataset', data_root=str(folder), **kwargs)
    return DATASETS.build(cfg)


@pytest.mark.parametrize(('split', 'prefix'), [('train', 'train'), ('test', 't10k')])
def test_images_are_padded_to_32_px_with_three_equal_channels(folder, split, prefix):
    dataset = build(folder, split=split, test_mode=split == 'test')
    stored = np.load(folder / f'{prefix}.npy')
    assert len(dataset) == len(stored)
    for index in range(len(dataset)):
        item = dataset[index]
        assert item['gt_label'] == index % 10
        assert item['img'].shape == (32, 32, 3) and item['img'].dtype == np.uint8
        for channel in range(3):
            assert np.array_equal(item['img'][2:30, 2:30, channel], stored[index])
        assert item['img'].sum() == 3 * int(stored[index].sum()), 'black around it'


def test_classes_and_subsets(folder):
    assert len(build(folder).metainfo['classes']) == 10
    assert len(build(folder, indices=4)) == 4


def test_missing_files_say_where_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match='dataset-fashion-mnist.*zalandoresearch'):
        build(tmp_path)


@pytest.mark.parametrize('kind', ['cut', 'other', 'header', 'empty'])
def test_damaged_files_are_named(folder, kind):
    path = folder / 't10k-images-idx3-ubyte'
    content = path.read_bytes()
    damaged = dict(cut=content[:-1], other=b'\x89PNG' + content[4:], header=content[:6], empty=b'')
    path.write_bytes(damaged[kind])
    with pytest.raises(ValueError, match=r't10k-images-idx3-ubyte.* is not a complete file'):
        build(folder, split='test')


def test_a_damaged_archive_is_named(folder):
    path = folder / 'train-images-idx3-ubyte.gz'
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r'train-images-idx3-ubyte.gz.* is damaged'):
        build(folder)


def test_files_must_belong_together(folder):
    (folder / 't10k-labels-idx1-ubyte').write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match='labels .*, one per image,|images in'):
        build(folder, split='test')


def test_unknown_split_is_named(folder):
    with pytest.raises(ValueError, match=r"one of 'train', 'test', got 'val'"):
        build(folder, split='val')
