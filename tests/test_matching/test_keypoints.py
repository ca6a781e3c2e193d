# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.matching import detect_keypoints, keypoint_vectors, read_keypoints


def test_vectors_equal_the_official_form():
    feature, (width, height) = torch.randn(5, 6, 7), (40, 30)
    points = torch.tensor([[0.0, 0.0], [39.0, 29.0], [12.5, 3.25]])
    center = torch.tensor([(width - 1) / 2.0, (height - 1) / 2.0])
    normalized = ((points - center) / center)[None]
    official = F.grid_sample(feature[None], normalized.unsqueeze(2)).squeeze(-1).transpose(1, 2)
    assert torch.equal(keypoint_vectors(feature, points, (height, width)), official[0])


def test_corners_of_a_square():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:45] = 255
    points = detect_keypoints(image)
    for corner in ([20, 10], [44, 10], [20, 29], [44, 29]):
        assert np.abs(points - corner).max(1).min() <= 1
    assert len(detect_keypoints(image, number=2)) == 2
    assert detect_keypoints(np.zeros_like(image)).shape == (0, 2)


def test_files_of_keypoints(tmp_path):
    path = tmp_path / 'a.kp'
    path.write_text('3 4\n1 2\n3 4\n')
    assert read_keypoints(path).tolist() == [[1, 2], [3, 4]]
    for text in ('1 2 3\n', '1 nan\n', '1 a\n'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r'a\.kp must have x and y'):
            read_keypoints(path)
    with pytest.raises(FileNotFoundError, match=r'b\.kp does not exist'):
        read_keypoints(tmp_path / 'b.kp')
