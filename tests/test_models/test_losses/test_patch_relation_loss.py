# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.models.losses import PatchRelationLoss


def softmax(row):
    values = np.exp(row - row.max())
    return values / values.sum()


def test_in_loops():
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4)
    total = 0.0
    for image in range(2):
        relations = []
        for feature in (student, teacher):
            patches = feature[image].flatten(1).T.numpy().astype(float)
            patches /= np.linalg.norm(patches, axis=1, keepdims=True)
            relations.append(patches @ patches.T / 0.5)
        for own, target in zip(*relations):
            q, p = softmax(own), softmax(target)
            total += sum(p * np.log(p / q))
    loss = PatchRelationLoss(size=4, temperature=0.5)(student, teacher)
    assert loss.item() == pytest.approx(total / 32, rel=1e-4)


def test_neither_channels_nor_their_rotation_count():
    feature = torch.randn(2, 4, 8, 8)
    turn = torch.linalg.qr(torch.randn(6, 6)).Q[:, :4]
    turned = torch.einsum('ij,bjhw->bihw', turn, feature) * 3
    assert PatchRelationLoss(size=8)(feature, turned).item() == pytest.approx(0, abs=1e-5)


def test_sizes_may_differ():
    loss = PatchRelationLoss(size=4)(torch.randn(2, 3, 2, 2), torch.randn(2, 5, 16, 16))
    assert loss > 0


def test_needs_patches():
    with pytest.raises(ValueError, match='more than one pixel, .* before the pooling'):
        PatchRelationLoss()(torch.randn(2, 3, 1, 1), torch.randn(2, 5, 4, 4))
    with pytest.raises(ValueError, match='size must be at least 2'):
        PatchRelationLoss(size=1)
