# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from mmdiffrep.models.losses import DenseFeatureLoss, PooledFeatureLoss


@pytest.mark.parametrize(
    ('distance', 'expected'), [('l1', 1.25), ('l2', 2.125), ('smooth_l1', (0.125 + 1.5) / 2)]
)
def test_dense_loss_by_hand(distance, expected):
    student = torch.tensor([0.5, 2.0]).view(1, 2, 1, 1)
    loss = DenseFeatureLoss(distance, loss_weight=10.0)(student, torch.zeros(1, 2, 1, 1))
    assert loss.item() == pytest.approx(10 * expected)


def test_dense_loss_resizes_the_student_to_the_teacher():
    student, teacher = torch.randn(2, 3, 2, 2), torch.randn(2, 3, 8, 4)
    resized = F.interpolate(student, size=(8, 4), mode='bilinear')
    torch.testing.assert_close(DenseFeatureLoss()(student, teacher), F.mse_loss(resized, teacher))


def test_pooled_loss_sees_averages_only():
    teacher = torch.randn(2, 3, 4, 4)
    shuffled = teacher.flatten(2).flip(2).view(2, 3, 2, 8)
    assert PooledFeatureLoss()(shuffled, teacher).item() == pytest.approx(0, abs=1e-10)
    assert PooledFeatureLoss()(teacher + 2, teacher).item() == pytest.approx(4, rel=1e-5)


def test_no_gradient_into_the_teacher():
    student, teacher = (torch.randn(1, 2, 2, 2, requires_grad=True) for _ in range(2))
    DenseFeatureLoss()(student, teacher).backward()
    assert student.grad is not None and teacher.grad is None


def test_unknown_distance_lists_the_known():
    with pytest.raises(ValueError, match='smooth_l1'):
        PooledFeatureLoss('cosine')
