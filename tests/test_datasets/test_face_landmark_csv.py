# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

from mmdiffrep.datasets import FaceLandmarkCsvDataset
from mmdiffrep.registry import DATASETS

SIZE = 40


def header(num_points):
    return ','.join(['file', *(f'{axis}{i}' for i in range(num_points) for axis in 'xy')])


def write(root, num_points=68, num_faces=3, name='train.csv'):
    """Writes faces of random points and returns them, (N, K, 2)."""
    (root / 'images').mkdir(exist_ok=True)
    points = np.random.default_rng(0).uniform(5, 35, (num_faces, num_points, 2)).round(3)
    rows = [header(num_points)]
    for index, face in enumerate(points):
        Image.new('RGB', (SIZE, SIZE), (index, 0, 0)).save(root / 'images' / f'{index}.png')
        rows.append(','.join([f'{index}.png', *map(str, face.flatten())]))
    (root / name).write_text('\n'.join(rows) + '\n')
    return points.astype(np.float32)


def test_faces_as_mmpose_wants_them(tmp_path):
    points = write(tmp_path)
    dataset = FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))
    assert len(dataset) == 3 and dataset.metainfo['dataset_name'] == '300w'
    sample = dataset[1]
    np.testing.assert_array_equal(sample['keypoints'], points[1:2])
    np.testing.assert_array_equal(sample['bbox'][0, :2], points[1].min(0))
    np.testing.assert_array_equal(sample['bbox'][0, 2:], points[1].max(0))
    assert sample['keypoints_visible'].shape == (1, 68) and sample['keypoints_visible'].all()
    assert sample['img_path'] == str(tmp_path / 'images' / '1.png')


def test_a_flip_swaps_the_sides(tmp_path):
    points = write(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpose'):
        dataset = FaceLandmarkCsvDataset(
            'train.csv',
            data_root=str(tmp_path),
            pipeline=[
                dict(type='LoadImage'),
                dict(type='RandomFlip', direction='horizontal', prob=1.0),
            ],
        )
        flipped = dataset[0]['keypoints'][0]
    mirrored = points[0] * (-1, 1) + (SIZE - 1, 0)
    # 300-W: jaw 0 and 16, chin 8, outer corners of the eyes 36 and 45, corners of the mouth.
    for point, other in ((0, 16), (8, 8), (36, 45), (48, 54)):
        np.testing.assert_allclose(flipped[point], mirrored[other], atol=1e-4)


def test_few_labeled_images_and_the_last_ones(tmp_path):
    write(tmp_path)
    first = FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path), indices=1)
    last = FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path), indices=-2)
    assert [first[0]['img_id']] == [0] and len(first) == 1
    assert [last[i]['img_id'] for i in range(2)] == [1, 2]


def test_other_points(tmp_path):
    points = write(tmp_path, num_points=98)
    config = dict(
        type='mmdiffrep.FaceLandmarkCsvDataset', ann_file='train.csv', data_root=str(tmp_path)
    )
    with pytest.raises(ValueError, match="98 points, but the definition '300w' has 68"):
        DATASETS.build(config)
    metainfo = dict(from_file='configs/_base_/datasets/wflw.py')
    dataset = DATASETS.build(dict(config, metainfo=metainfo))
    np.testing.assert_array_equal(dataset[2]['keypoints'], points[2:])


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'train\.csv and .*images not found'):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))
    write(tmp_path)
    (tmp_path / 'images' / '1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 images .* the first: \['1.png'\]"):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'expected the header'),
        ('file', 'expected the header'),
        ('file,x0,y0,y1,x1\n', "expected the header .* got 'file,x0,y0,y1,x1'"),
        (header(68) + '\n', 'no row below its header'),
        (header(68) + '\na.png,5\n', r'line 2: .* 136 numbers \(got 2 cells\)'),
        (header(68) + '\na.png' + ',5' * 135 + ',x\n', 'line 2: .*could not convert'),
        (header(68) + '\na.png' + ',5' * 136 + '\nb.png' + ',nan' * 136, 'line 3: .*not finite'),
    ],
)
def test_bad_files(tmp_path, text, message):
    write(tmp_path)
    (tmp_path / 'train.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))
