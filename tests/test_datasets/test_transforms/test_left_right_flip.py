# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmcv.transforms import RandomFlip

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.transforms import LeftRightFlip
from mmdiffrep.registry import TRANSFORMS

LABELS = st.one_of(st.integers(0, 18), st.just(255))


def sample(seg_map, **extra):
    height, width = seg_map.shape
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    return dict(img=image, gt_seg_map=seg_map.copy(), classes=CELEBAMASK_CLASSES, **extra)


def test_pixels_by_hand():
    # l_eye skin background ignored / hair r_brow l_brow l_lip
    seg_map = np.array([[4, 1, 0, 255], [13, 7, 6, 12]], np.uint8)
    results = sample(seg_map)
    image = results['img'].copy()
    results = LeftRightFlip(prob=1)(results)
    expected = np.array([[255, 0, 1, 5], [12, 7, 6, 13]], np.uint8)
    np.testing.assert_array_equal(results['gt_seg_map'], expected)
    assert results['gt_seg_map'].dtype == np.uint8
    np.testing.assert_array_equal(results['img'], image[:, ::-1])
    assert results['flip'] is True
    assert results['flip_direction'] == 'horizontal'
    assert results['swap_seg_labels'] == [(4, 5), (6, 7), (8, 9)]


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=LABELS))
def test_twice_is_the_identity(seg_map):
    flip = LeftRightFlip(prob=1.0)
    results = sample(seg_map)
    image = results['img'].copy()
    results = flip(flip(results))
    np.testing.assert_array_equal(results['gt_seg_map'], seg_map)
    np.testing.assert_array_equal(results['img'], image)


@given(hnp.arrays(np.uint8, (3, 5), elements=LABELS))
def test_without_sides_it_equals_the_plain_flip(seg_map):
    pairless = np.where(np.isin(seg_map, [4, 5, 6, 7, 8, 9]), 1, seg_map).astype(np.uint8)
    ours = LeftRightFlip(prob=1.0)(sample(pairless))
    plain = RandomFlip(prob=1.0)(sample(pairless))
    np.testing.assert_array_equal(ours['gt_seg_map'], plain['gt_seg_map'])


def test_never_flips_at_probability_zero():
    seg_map = np.array([[4, 1]], np.uint8)
    results = LeftRightFlip(prob=0.0)(sample(seg_map))
    np.testing.assert_array_equal(results['gt_seg_map'], seg_map)
    assert results['flip'] is False
    assert results['flip_direction'] is None


def test_given_pairs_win_over_class_names():
    results = LeftRightFlip(prob=1.0, pairs=[(0, 2)])(sample(np.array([[0, 4, 2]], np.uint8)))
    np.testing.assert_array_equal(results['gt_seg_map'], [[0, 4, 2]])


def test_an_image_without_a_mask_is_mirrored():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    results = LeftRightFlip(prob=1.0)(dict(img=image.copy()))
    np.testing.assert_array_equal(results['img'], image[:, ::-1])


def test_registered():
    assert isinstance(TRANSFORMS.build(dict(type='mmdiffrep.LeftRightFlip')), LeftRightFlip)


@pytest.mark.parametrize('prob', [-0.1, 1.5])
def test_bad_probability(prob):
    with pytest.raises(ValueError, match=r'prob must be in \[0, 1\]'):
        LeftRightFlip(prob=prob)


@pytest.mark.parametrize('pairs', [[(4, 5), (5, 6)], [(4,)], [(4, 4)]])
def test_bad_pairs(pairs):
    with pytest.raises(ValueError, match='every label named once'):
        LeftRightFlip(pairs=pairs)


def test_unknown_class_names():
    results = sample(np.zeros((2, 2), np.uint8))
    del results['classes']
    with pytest.raises(ValueError, match=r'pairs=\[\(4, 5\)'):
        LeftRightFlip(prob=1.0)(results)


def test_classes_without_sides():
    results = sample(np.zeros((2, 2), np.uint8))
    results['classes'] = ('sky', 'road')
    with pytest.raises(ValueError, match='no left/right pair among'):
        LeftRightFlip(prob=1.0)(results)
