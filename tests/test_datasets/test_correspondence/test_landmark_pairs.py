# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from mmdiffrep.datasets import LandmarkPairs
from mmdiffrep.datasets.correspondence.landmark_pairs import warp_image
from mmdiffrep.datasets.toyfaces import render_face

FACES = dict(
    type='mmdiffrep.ToyFacesDataset',
    split='test',
    num_images=20,
    task='pose',
    pipeline=[dict(type='mmdiffrep.LoadToyFace')],
)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def test_points_are_the_landmarks_visible_in_both():
    pairs = LandmarkPairs(FACES, num_pairs=5, seed=3)
    assert len(pairs) == 5
    for index in range(5):
        info, packed = pairs.get_data_info(index), pairs[index]
        faces = [
            render_face(pairs.inner[info[key]]['toyface'][0], info[key], 64)
            for key in ('first', 'second')
        ]
        sample = packed['data_samples']
        assert info['first'] != info['second']
        for name, face in zip(('source', 'target'), faces):
            image = packed['inputs'][name].permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(image, face.image)  # RGB
        seen = (faces[0].visible > 0) & (faces[1].visible > 0)
        assert len(sample.source_points) <= seen.sum()
        assert sample.source_points.shape == sample.target_points.shape
        low, high = faces[1].landmarks.min(0), faces[1].landmarks.max(0)
        np.testing.assert_allclose(sample.target_box, [*low, *high], rtol=1e-6)


def test_pairs_are_a_function_of_the_seed():
    first, again, other = (LandmarkPairs(FACES, num_pairs=9, seed=s) for s in (0, 0, 1))
    lists = [[pairs.get_data_info(i)['warp'] for i in range(9)] for pairs in (first, again, other)]
    assert lists[0] == lists[1] != lists[2]


def test_warped_points_move_with_the_image():
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:23, 50:53] = 255
    points = np.array([[51.0, 21.0]], np.float32)
    warped, moved = warp_image(image, points, rotation=30, scale=0.9, dx=0.05, dy=-0.1)
    y, x = np.argwhere(warped[..., 0] > 100).mean(0)
    np.testing.assert_allclose(moved[0], [x, y], atol=0.6)
    same, kept = warp_image(image, points, 0, 1, 0, 0)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_allclose(kept, points)


def test_a_warped_target_is_another_image():
    plain, warped = (LandmarkPairs(FACES, num_pairs=2, warp=w)[0] for w in (False, True))
    assert torch.equal(plain['inputs']['source'], warped['inputs']['source'])
    assert not torch.equal(plain['inputs']['target'], warped['inputs']['target'])
    assert plain['data_samples'].target_id != warped['data_samples'].target_id


def test_bad_arguments():
    with pytest.raises(ValueError, match='images of the data set must be at least 2'):
        LandmarkPairs(dict(FACES, num_images=1))
    with pytest.raises(TypeError, match='warp must be bool'):
        LandmarkPairs(FACES, warp='False')
    with pytest.raises(ValueError, match=r"no \['keypoints', 'keypoints_visible'\]"):
        LandmarkPairs(dict(FACES, task='image'))[0]
