# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmdiffrep.datasets import PFPascal, PFWillow


def save_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path)


@pytest.fixture
def pascal(tmp_path):
    for name, points in (
        ('a', [[1, 2], [np.nan, np.nan], [5, 6]]),
        ('b', [[3, 4], [1, 1], [7, 8]]),
    ):
        save_image(tmp_path / 'JPEGImages' / f'{name}.jpg')
        annotation = tmp_path / 'Annotations' / 'bicycle' / f'{name}.mat'
        annotation.parent.mkdir(parents=True, exist_ok=True)
        savemat(annotation, dict(kps=np.array(points), bbox=np.array([1, 2, 20, 15])))
    (tmp_path / 'test_pairs.csv').write_text(
        'source_image,target_image,class\nPF-dataset-PASCAL/JPEGImages/a.jpg,x/b.jpg,2\n'
    )
    return tmp_path


def test_points_that_are_nan_are_left_out(pascal):
    sample = PFPascal(str(pascal))[0]['data_samples']
    assert sample.source_points.tolist() == [[1, 2], [5, 6]]
    assert sample.target_points.tolist() == [[3, 4], [7, 8]]
    assert sample.category == 'bicycle' and sample.target_box == (1, 2, 20, 15)


def test_bad_pascal_lists_and_annotations(pascal):
    with pytest.raises(FileNotFoundError, match=r'val\.csv does not exist'):
        PFPascal(str(pascal), ann_file='val.csv')
    (pascal / 'Annotations' / 'bicycle' / 'b.mat').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 2 files are missing: .*b\.mat'):
        PFPascal(str(pascal))
    (pascal / 'JPEGImages' / 'a.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 2 files are missing: .*a\.jpg'):
        PFPascal(str(pascal))
    (pascal / 'test_pairs.csv').write_text('source_image,target_image,class\na.jpg,b.jpg,21\n')
    with pytest.raises(ValueError, match=r'line 2: class must be 1 to 20, got .21.'):
        PFPascal(str(pascal))
    (pascal / 'test_pairs.csv').write_text('source,target\na,b\n')
    with pytest.raises(ValueError, match='with the columns source_image, target_image, class'):
        PFPascal(str(pascal))


@pytest.fixture
def willow(tmp_path):
    names = [f'{axis}{image}{i}' for image in 'AB' for axis in 'XY' for i in range(1, 11)]
    save_image(tmp_path / 'car(S)' / 'a.png')
    save_image(tmp_path / 'car(S)' / 'b.png')
    values = ','.join(str(value) for value in range(40))
    (tmp_path / 'test_pairs.csv').write_text(
        f'imageA,imageB,{",".join(names)}\nPF-dataset/car(S)/a.png,car(S)/b.png,{values}\n'
    )
    return tmp_path


def test_willow(willow):
    sample = PFWillow(str(willow))[0]['data_samples']
    assert sample.source_points[0].tolist() == [0, 10] and len(sample.source_points) == 10
    assert sample.target_points[9].tolist() == [29, 39]
    assert sample.target_box == (20, 30, 29, 39) and sample.category == 'car(S)'


def test_bad_willow_rows(willow):
    file = willow / 'test_pairs.csv'
    file.write_text(file.read_text().replace(',39\n', ',x\n'))
    with pytest.raises(ValueError, match='line 2: expected 10 numbers'):
        PFWillow(str(willow))
    file.write_text(file.read_text().replace(',x\n', ',nan\n'))
    with pytest.raises(ValueError, match='line 2: a coordinate is not finite'):
        PFWillow(str(willow))


def test_missing_willow_images(willow):
    (willow / 'car(S)' / 'b.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'PFWillow: 1 of 2 files are missing: .*b\.png'):
        PFWillow(str(willow))
