# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.transforms import CheckSegMap


def loaded(seg_map, ori_shape=(2, 3)):
    return dict(
        gt_seg_map=np.asarray(seg_map, np.uint8),
        ori_shape=ori_shape,
        img_path='images/7.jpg',
        seg_map_path='masks/7.png',
    )


def test_valid_labels_pass_unchanged():
    results = loaded([[0, 18, 255], [1, 2, 3]])
    assert CheckSegMap(num_classes=19)(results) is results


def test_wrong_labels_are_named_with_their_file():
    with pytest.raises(ValueError, match=r'masks/7.png: labels \[19, 254\].*\(3 pixels\).*0\.\.18'):
        CheckSegMap(num_classes=19)(loaded([[0, 19, 255], [254, 2, 19]]))


def test_another_ignored_label():
    check = CheckSegMap(num_classes=19, ignore_index=254)
    with pytest.raises(ValueError, match=r'\[255\].*or 254'):
        check(loaded([[0, 255, 254], [0, 0, 0]]))


def test_size_of_the_image_file_counts():
    with pytest.raises(ValueError, match=r'shape \(2, 3\).*images/7.jpg.*\(4, 6\)'):
        CheckSegMap(num_classes=19)(loaded([[0, 1, 2], [0, 1, 2]], ori_shape=(4, 6)))


def test_a_color_picture_is_refused():
    with pytest.raises(ValueError, match='one label per image pixel'):
        CheckSegMap(num_classes=19)(loaded(np.zeros((2, 3, 3))))


def test_a_turned_photo_is_named_as_the_reason(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new('RGB', (3, 2)).save(tmp_path / 'a.jpg', exif=exif)
    results = dict(loaded(np.zeros((2, 3)), ori_shape=(3, 2)), img_path=str(tmp_path / 'a.jpg'))
    with pytest.raises(ValueError, match='EXIF orientation') as raised:
        CheckSegMap(num_classes=19)(results)
    assert 'CelebAMask' not in str(raised.value)


def test_negative_labels_are_refused():
    signed = np.array([[0, -1, 1], [2, 255, 0]])
    with pytest.raises(ValueError, match=r'labels \[-1\] are out of range'):
        CheckSegMap(num_classes=3)(dict(loaded(np.zeros((2, 3))), gt_seg_map=signed))
