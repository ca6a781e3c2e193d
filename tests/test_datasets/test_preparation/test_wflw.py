# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from mmpose.datasets import WFLWDataset
from PIL import Image

from mmdiffrep.datasets.preparation.wflw import (
    ATTRIBUTES,
    WFLWSource,
    parse_face,
    prepare_wflw,
)

NAMES = ('0--Parade/a.jpg', '0--Parade/a.jpg', '1--Handshaking/b.jpg')
"""Two faces share an image."""


def line(seed, name, flags='000000'):
    points = np.random.default_rng(seed).uniform(10, 50, (98, 2))
    columns = [*(f'{value:.6f}' for value in points.flatten()), '8', '9', '52', '49']
    return ' '.join([*columns, *flags, name])


@pytest.fixture
def source(tmp_path):
    """A download of two images with three faces, the same for training and test."""
    source = WFLWSource(tmp_path / 'download')
    for name, size in ((NAMES[0], (64, 48)), (NAMES[2], (80, 60))):
        (source.images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(source.images / name)
    lines = [
        line(seed, name, flags)
        for seed, (name, flags) in enumerate(zip(NAMES, ('100000', '000011', '000000')))
    ]
    for split in ('train', 'test'):
        source.list_file(split).parent.mkdir(parents=True, exist_ok=True)
        source.list_file(split).write_text('\n'.join(lines) + '\n')
    return source


def read(folder, split='test'):
    return json.loads((folder / 'annotations' / f'face_landmarks_wflw_{split}.json').read_text())


def test_counts_images_and_attributes(source):
    report = prepare_wflw(source)
    assert report.faces == {'train': 3, 'test': 3}
    assert report.subsets == dict(zip(ATTRIBUTES, (1, 0, 0, 0, 1, 1)))
    assert len(report.written) == 2
    content = read(source.root)
    assert content['images'] == [
        dict(id=0, file_name=NAMES[0], width=64, height=48),
        dict(id=1, file_name=NAMES[2], width=80, height=60),
    ]
    faces = content['annotations']
    assert [face['image_id'] for face in faces] == [0, 0, 1]
    assert [face['id'] for face in faces] == [0, 1, 2]
    assert faces[1]['attributes'] == dict(zip(ATTRIBUTES, (0, 0, 0, 0, 1, 1)))
    assert faces[0]['bbox'] == [8, 9, 44, 40] and faces[0]['area'] == 44 * 40


def test_mmpose_reads_it(source):
    prepare_wflw(source)
    dataset = WFLWDataset(
        ann_file='annotations/face_landmarks_wflw_train.json',
        data_root=str(source.root),
        data_prefix=dict(img='WFLW_images/'),
        pipeline=[dict(type='mmpose.LoadImage')],
    )
    sample = dataset[2]
    assert len(dataset) == 3 and sample['img'].shape == (60, 80, 3)
    expected = np.array(line(2, '').split()[:196], np.float32).reshape(1, 98, 2)
    np.testing.assert_array_equal(sample['keypoints'], expected)
    assert sample['keypoints_visible'].all()
    # The box of mmpose is square, around the points and no larger than they ask for.
    low, high = sample['bbox'][0, :2], sample['bbox'][0, 2:]
    assert np.ptp(high - low) == 0
    points = expected[0]
    assert (points.min(0) >= low).all() and (points.max(0) <= high).all()
    assert (high - low).max() < np.ptp(points, axis=0).max() + 2


def test_center_and_scale_are_rounded_outwards():
    columns = line(0, 'x.jpg').split()
    columns[:196] = ['20.5', '30.25'] * 97 + ['40.75', '39.5']
    face = parse_face(columns)
    assert face['center'] == [30.5, 35.0]  # of 20 to 41 and 30 to 40
    assert face['scale'] == 21 / 200


def test_second_run_writes_nothing_and_another_list_is_written_anew(source):
    prepare_wflw(source)
    assert prepare_wflw(source).written == []
    path = source.list_file('test')
    path.write_text(path.read_text() + line(7, NAMES[0], '010000'))
    (written,) = prepare_wflw(source).written
    assert written.endswith('face_landmarks_wflw_test.json')
    assert len(read(source.root)['annotations']) == 4


def test_another_target(source, tmp_path):
    prepare_wflw(source, tmp_path / 'out')
    assert len(read(tmp_path / 'out', 'train')['annotations']) == 3
    assert not (source.root / 'annotations').exists()


def test_missing_download_says_what_and_where(tmp_path):
    with pytest.raises(FileNotFoundError, match='https://wywu.github.io') as error:
        prepare_wflw(WFLWSource(tmp_path))
    for name in ('WFLW_images', 'list_98pt_rect_attr_train.txt', 'list_98pt_rect_attr_test.txt'):
        assert name in str(error.value)


@pytest.mark.parametrize('damage', ['missing', 'cut off'])
def test_damaged_images_are_named(source, damage):
    path = source.images / NAMES[2]
    if damage == 'missing':
        path.unlink()
    else:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match='1 of 2 images of the train list') as error:
        prepare_wflw(source)
    assert str(path) in str(error.value)
    assert not (source.root / 'annotations').exists()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (line(0, 'a.jpg').replace(' 8 9 52 49', ''), 'line 2: expected 207 columns .* got 203'),
        (line(0, 'a.jpg', '000020'), 'line 2: expected six attributes of 0 or 1, got 0 0 0 0 2 0'),
        ('x ' + line(0, 'a.jpg').split(' ', 1)[1], "line 2: expected numbers, got 'x'"),
    ],
)
def test_a_wrong_line_is_named(source, text, message):
    path = source.list_file('train')
    path.write_text(line(1, NAMES[0]) + '\n' + text + '\n')
    with pytest.raises(ValueError, match=message):
        prepare_wflw(source)


def test_an_empty_list(source):
    source.list_file('test').write_text('\n')
    with pytest.raises(ValueError, match='is empty'):
        prepare_wflw(source)
