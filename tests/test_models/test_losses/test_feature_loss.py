# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mmdiffrep.models.losses import DenseFeatureLoss, PooledFeatureLoss


# The vectors (3, 4) and (4, 3): lengths 5, cosine 24/25, normalized difference (-0.2, 0.2).
@pytest.mark.parametrize(
    ('distance', 'expected'),
    [('l1', 1), ('l2', 1), ('smooth_l1', 0.5), ('normalized_l2', 0.04), ('cosine', 0.04)],
)
@pytest.mark.parametrize('kind', [DenseFeatureLoss, PooledFeatureLoss])
def test_two_vectors_by_hand(kind, distance, expected):
    student = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    teacher = torch.tensor([4.0, 3.0]).view(1, 2, 1, 1)
    loss = kind(distance, loss_weight=10.0)(student, teacher)
    assert loss.item() == pytest.approx(10 * expected, rel=1e-5)


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


@given(scale=st.floats(0.01, 100), seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize('distance', ['cosine', 'normalized_l2'])
def test_direction_alone_counts(distance, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(2, 3, 4, 4, generator=generator) for _ in range(2))
    loss = DenseFeatureLoss(distance)
    torch.testing.assert_close(loss(scale * student, teacher), loss(student, teacher))
    torch.testing.assert_close(loss(student, scale * teacher), loss(student, teacher))


@given(seed=st.integers(0, 2**32 - 1))
def test_normalized_l2_is_two_over_c_times_cosine(seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(2, 8, 4, 4, generator=generator) for _ in range(2))
    cosine = DenseFeatureLoss('cosine')(student, teacher)
    torch.testing.assert_close(DenseFeatureLoss('normalized_l2')(student, teacher), cosine / 4)


def test_cosine_of_opposite_features_is_two():
    feature = torch.randn(2, 3, 4, 4)
    assert DenseFeatureLoss('cosine')(feature, -feature).item() == pytest.approx(2, rel=1e-5)


def test_unknown_distance_lists_the_known():
    with pytest.raises(ValueError, match=r'smooth_l1.*huber'):
        PooledFeatureLoss('huber')
