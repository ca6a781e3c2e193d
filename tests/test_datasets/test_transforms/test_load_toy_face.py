# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.datasets import LoadToyFace
from mmdiffrep.datasets.toyfaces import render_face


def _request(task='image', **more):
    return dict(toyface=(4, 2), image_size=48, task=task, img_path='toyfaces/val/000002', **more)


def test_image_is_bgr():
    results = LoadToyFace()(_request())
    face = render_face(4, 2, 48)
    assert np.array_equal(results['img'][..., ::-1], face.image)
    assert results['img'].flags.c_contiguous
    assert results['img_shape'] == results['ori_shape'] == (48, 48)
    assert not {'gt_seg_map', 'keypoints', 'gt_label'} & results.keys()


def test_segmentation():
    results = LoadToyFace()(_request('seg', seg_fields=[]))
    assert results['gt_seg_map'].dtype == np.uint8
    assert np.array_equal(results['gt_seg_map'], render_face(4, 2, 48).mask)
    assert results['seg_fields'] == ['gt_seg_map']


def test_pose():
    results = LoadToyFace()(_request('pose'))
    face = render_face(4, 2, 48)
    assert results['keypoints'].shape == (1, 98, 2)
    assert results['keypoints'].dtype == results['keypoints_visible'].dtype == np.float32
    assert np.array_equal(results['keypoints'][0], face.landmarks)
    assert np.array_equal(results['keypoints_visible'][0] > 0, face.visible)
    x1, y1, x2, y2 = results['bbox'][0]
    assert (results['keypoints'] >= (x1, y1)).all()
    assert (results['keypoints'] <= (x2, y2)).all()
    assert results['bbox'].shape == (1, 4)


def test_label():
    results = LoadToyFace()(_request('cls', attribute='hair_color'))
    assert results['gt_label'] == render_face(4, 2, 48).attributes['hair_color']


def test_size_overrides_that_of_the_dataset():
    assert LoadToyFace(size=32)(_request())['img'].shape == (32, 32, 3)
    with pytest.raises(ValueError, match='at least 32'):
        LoadToyFace(size=8)


@pytest.mark.parametrize('cache', [False, True])
def test_cached_faces_are_drawn_once_and_not_changed_by_later_steps(cache, monkeypatch):
    drawn = []

    def counted(*arguments):
        drawn.append(arguments)
        return render_face(*arguments)

    module = 'mmdiffrep.datasets.transforms.load_toy_face'
    monkeypatch.setattr(f'{module}.render_face', counted)
    load = LoadToyFace(cache=cache)
    first = load(_request('seg', seg_fields=[]))
    kept = first['img'].copy(), first['gt_seg_map'].copy()
    first['img'][:] = 0
    first['gt_seg_map'][:] = 0
    second = load(_request('seg', seg_fields=[]))
    assert np.array_equal(second['img'], kept[0])
    assert np.array_equal(second['gt_seg_map'], kept[1])
    assert len(drawn) == (1 if cache else 2)
