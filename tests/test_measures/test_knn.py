# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Nearest neighbors as a measure of features."""

import pytest
import torch

from mmdiffrep.measures.knn import knn_accuracy


def test_separate_clusters_are_all_right_and_swapped_labels_all_wrong():
    features = torch.cat([torch.randn(10, 4) * 0.01 + center for center in torch.eye(4)[:2] * 5])
    labels = torch.arange(2).repeat_interleave(10)
    assert knn_accuracy(features, labels, k=5) == 1.0
    features[0], features[10] = features[10].clone(), features[0].clone()
    assert knn_accuracy(features, labels, k=5) == 0.9


def test_an_image_is_not_its_own_neighbor():
    features = torch.eye(3)
    assert knn_accuracy(features, torch.tensor([0, 1, 2]), k=1) == 0.0


def test_the_nearest_decides_ties():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.5], [0.0, 1.0]])
    # of the first: neighbors 1 (class 0) and 2 (class 1)
    assert knn_accuracy(features, torch.tensor([0, 0, 1, 1]), k=2) == 0.75


def test_chance_for_noise():
    torch.manual_seed(0)
    accuracy = knn_accuracy(torch.randn(2000, 8), torch.randint(0, 4, (2000,)))
    assert 0.2 < accuracy < 0.3


def test_what_is_needed():
    with pytest.raises(ValueError, match='at least 2'):
        knn_accuracy(torch.randn(1, 3), torch.tensor([0]))
