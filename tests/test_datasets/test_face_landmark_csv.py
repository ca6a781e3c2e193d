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
    with pytest.raises(
        FileNotFoundError, match=r"1 files named by .* the first: .*images/1.png'\]"
    ):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'expected the header'),
        ('file', 'expected the header'),
        ('file,x0,y0,y1,x1\n', "expected the header .* got 'file,x0,y0,y1,x1'"),
        (header(68) + '\n', 'no row below its header'),
        (header(68) + '\na.png,5\n', r'line 2: .* 136 numbers, got 2 cells'),
        (
            header(68) + '\na.png' + ',5' * 135 + ',x\n',
            "line 2: .* numbers, got 'x'",
        ),
        (
            header(68) + '\na.png' + ',5,6' * 67 + ',5,7\nb.png' + ',inf' * 136,
            'line 3: .*not finite',
        ),
    ],
)
def test_bad_files(tmp_path, text, message):
    write(tmp_path)
    (tmp_path / 'train.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))


def edited(root, change, line=1):
    """Write faces, and change the cells of one of them in the csv; load the result."""
    points = write(root)
    rows = [row.split(',') for row in (root / 'train.csv').read_text().split()]
    change(rows[line])
    (root / 'train.csv').write_text('\n'.join(map(','.join, rows)))
    return points, FaceLandmarkCsvDataset('train.csv', data_root=str(root))


def put(*cells, point=0):
    def change(row):
        row[1 + 2 * point : 3 + 2 * point] = cells

    return change


@pytest.mark.parametrize('spelling', ['', 'nan', ' ', 'NaN'])
@pytest.mark.parametrize('point', [0, 67])
def test_missing_landmarks_count_nowhere(tmp_path, spelling, point):
    points, dataset = edited(tmp_path, put(spelling, spelling, point=point))
    sample = dataset[0]
    others = np.delete(points[0], point, axis=0)
    assert sample['keypoints_visible'][0].tolist() == [float(i != point) for i in range(68)]
    assert sample['num_keypoints'] == 67 and np.isfinite(sample['keypoints']).all()
    np.testing.assert_array_equal(sample['bbox'][0], [*others.min(0), *others.max(0)])
    np.testing.assert_array_equal(np.delete(sample['keypoints'][0], point, axis=0), others)
    assert dataset[1]['keypoints_visible'].all()


def test_a_missing_landmark_has_no_weight_in_the_loss(tmp_path):
    edited(tmp_path, put('', '', point=3))
    with DefaultScope.overwrite_default_scope('mmpose'):
        codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2)
        dataset = FaceLandmarkCsvDataset(
            'train.csv',
            data_root=str(tmp_path),
            pipeline=[
                dict(type='LoadImage'),
                dict(type='GetBBoxCenterScale'),
                dict(type='RandomFlip', direction='horizontal', prob=1.0),
                dict(type='TopdownAffine', input_size=(64, 64)),
                dict(type='GenerateTarget', encoder=codec),
            ],
        )
        weights = dataset[0]['keypoint_weights'][0]
    assert weights[13] == 0, 'the jaw is mirrored: 3 becomes 13'
    assert weights.sum() == 67


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (put('', '4'), 'point 0 has one coordinate'),
        (put('0', '0', point=5), r'point 5 is \(0, 0\), which looks like "missing"'),
        (put('-1', '-1'), r'point 0 is \(-1, -1\), which looks'),
        (put('-5.0', '-5'), r'\(-5, -5\), which looks'),
        (put('9999', '20'), r'point 0 \(9999, 20\) lies far outside 0\.png of 40 x 40'),
        (put('20', '-21', point=2), r'point 2 \(20, -21\) lies far outside'),
        (put('1_0', '20'), "numbers, got '1_0'"),
        (put('inf', '20'), 'not finite'),
        (lambda row: row.__setitem__(slice(1, None), ['7', '8'] * 68), r'all points are \(7, 8\)'),
        (
            lambda row: row.__setitem__(slice(1, None), ['0.5', '0.1', '0.25', '1'] * 34),
            r'in 0\.\.1',
        ),
        (lambda row: row.__setitem__(slice(1, None), [''] * 136), 'no point is given'),
        (lambda row: row.__setitem__(slice(3, None), [''] * 134), 'two places or more'),
    ],
)
@pytest.mark.parametrize('line', [1, 3])
def test_rows_that_are_no_face_are_refused_by_line(tmp_path, change, message, line):
    if line == 3:
        message = message.replace('0\\.png', '2\\.png')
    with pytest.raises(ValueError, match=rf'train\.csv, line {line + 1}: .*{message}'):
        edited(tmp_path, change, line)


def test_points_a_little_outside_are_kept(tmp_path, caplog):
    _, dataset = edited(tmp_path, put('-3', '45'))
    assert dataset[0]['keypoints'][0, 0].tolist() == [-3, 45]
    assert dataset[0]['keypoints_visible'].all()


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_files_of_spreadsheets(tmp_path, encoding):
    points = write(tmp_path)
    (tmp_path / 'images' / '0.png').rename(tmp_path / 'images' / 'a, "b" ö.png')
    text = (tmp_path / 'train.csv').read_text().replace('0.png', '"a, ""b"" ö.png"', 1)
    text = text.replace('\n', '\r\n') + '\r\n,,,\r\n'
    (tmp_path / 'train.csv').write_bytes(text.encode(encoding))
    dataset = FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))
    assert len(dataset) == 3 and dataset[0]['img_path'].endswith('a, "b" ö.png')
    np.testing.assert_array_equal(dataset[2]['keypoints'], points[2:])


def test_the_size_of_a_turned_image_is_the_one_it_is_loaded_in(tmp_path):
    write(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'images' / '0.png'
    Image.new('RGB', (100, 20)).save(path, exif=exif)
    rows = (tmp_path / 'train.csv').read_text().split()
    rows[1] = '0.png' + ',15,90' + ',5,5' * 67
    (tmp_path / 'train.csv').write_text('\n'.join(rows))
    assert len(FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))) == 3
    Image.new('RGB', (100, 20)).save(path)
    with pytest.raises(ValueError, match=r'line 2: point 0 .* of 100 x 20'):
        FaceLandmarkCsvDataset('train.csv', data_root=str(tmp_path))
