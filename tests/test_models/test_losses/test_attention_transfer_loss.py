# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.models.losses import AttentionTransferLoss


def in_loops(student, teacher):
    """The mean squared difference of attention maps, pixel by pixel."""
    maps = []
    for feature in (student.numpy().astype(float), teacher.numpy().astype(float)):
        energy = np.zeros((feature.shape[0], *feature.shape[2:]))
        for b, c, y, x in np.ndindex(*feature.shape):
            energy[b, y, x] += feature[b, c, y, x] ** 2
        for image in energy:
            image /= np.sqrt(sum(value**2 for value in image.flat)) + 1e-6
        maps.append(energy)
    return sum((a - b) ** 2 for a, b in zip(maps[0].flat, maps[1].flat)) / maps[0].size


def test_by_hand():
    # Energies (3, 4) with norm 5 and (0, 1) with norm 1: differences (0.6, -0.2), mean square 0.2.
    student = torch.tensor([[[[1.0, 0.0]], [[1.0, 2.0]], [[-1.0, 0.0]]]])
    teacher = torch.tensor([[[[0.0, -1.0]]]])
    loss = AttentionTransferLoss()(student, teacher)
    assert loss.item() == pytest.approx(1000 * (0.36 + 0.04) / 2, rel=1e-5)


def test_in_loops():
    student, teacher = torch.randn(2, 3, 4, 5), torch.randn(2, 7, 4, 5)
    loss = AttentionTransferLoss(loss_weight=1.0)(student, teacher)
    assert loss.item() == pytest.approx(in_loops(student, teacher), rel=1e-5)


@given(scale=st.floats(0.1, 1000), seed=st.integers(0, 2**32 - 1))
def test_scale_and_order_of_the_channels_do_not_count(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(2, 5, 4, 4, generator=generator) for _ in range(2))
    loss = AttentionTransferLoss(loss_weight=1.0)
    expected = loss(student, teacher)
    torch.testing.assert_close(loss(scale * student, teacher), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(loss(-student.flip(1), teacher), expected)


def test_student_is_resized_to_the_teacher():
    student = torch.randn(2, 3, 2, 2)
    resized = torch.nn.functional.interpolate(student, size=(8, 8), mode='bilinear')
    assert AttentionTransferLoss()(student, resized).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize('sizes', [((1, 1), (8, 8)), ((8, 8), (1, 1))])
def test_one_pixel_is_refused(sizes):
    student, teacher = (torch.randn(4, 6, *size) for size in sizes)
    with pytest.raises(ValueError, match=r'\(4, 6, 1, 1\).*before the pooling'):
        AttentionTransferLoss()(student, teacher)


def test_norm_of_the_difference():
    """DreamTeacher: the maps are (0.6, 0.8) and (0, 1), their difference has the norm sqrt(0.4)."""
    student = torch.tensor([[[[1.0, 0.0]], [[1.0, 2.0]], [[-1.0, 0.0]]]])
    teacher = torch.tensor([[[[0.0, -1.0]]]])
    loss = AttentionTransferLoss(loss_weight=10, distance='norm')
    assert loss(student, teacher).item() == pytest.approx(10 * 0.4**0.5, rel=1e-5)


def test_norm_has_a_gradient_at_equal_maps():
    feature = torch.randn(2, 3, 4, 4, requires_grad=True)
    AttentionTransferLoss(distance='norm')(feature, feature.detach()).backward()
    assert feature.grad.isfinite().all()
