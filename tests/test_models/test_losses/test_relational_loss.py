# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.models.losses import RelationalLoss


def smooth_l1(a, b):
    difference = abs(a - b)
    return difference**2 / 2 if difference < 1 else difference - 0.5


def in_loops(student, teacher):
    """Mean smooth L1 of distances and of angles, pair by pair and triplet by triplet."""
    relations = []
    for feature in (student, teacher):
        x = feature.numpy().astype(float).mean(axis=(2, 3))
        count = len(x)
        distance = [math.dist(x[i], x[j]) for i in range(count) for j in range(count)]
        positive = [d for d in distance if d > 0]
        distance = [d / (sum(positive) / len(positive)) for d in distance]
        angle = []
        for i, j, k in np.ndindex(count, count, count):
            if i in (j, k):
                angle.append(0.0)
                continue
            first, second = x[j] - x[i], x[k] - x[i]
            angle.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
        relations.append((distance, angle))
    return [
        sum(smooth_l1(a, b) for a, b in zip(*values)) / len(values[0]) for values in zip(*relations)
    ]


def test_by_hand():
    # On a line at 0, 1, 3: distances 1, 2, 3, of mean 2. At 0, 1, 2: 1, 1, 2, of mean 4/3.
    # Scaled 0.5, 1, 1.5 against 0.75, 0.75, 1.5: differences 0.25, 0.25, 0, each twice among nine.
    # The angles on a line are the same.
    student = torch.tensor([0.0, 1.0, 3.0]).view(3, 1, 1, 1)
    teacher = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1, 1)
    loss = RelationalLoss(loss_weight=2.0)(student, teacher)
    assert loss.item() == pytest.approx(2 * 25 * 4 * (0.25**2 / 2) / 9, rel=1e-5)


def test_angles_by_hand():
    # Equilateral against right-angled with legs 1: cosines at the corners 1/2, 1/2, 1/2 against
    # 0, 1/sqrt(2), 1/sqrt(2), each twice among 27; those of an image with itself are 1 in both.
    root = math.sqrt(3) / 2
    student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, root]])[:, :, None, None]
    teacher = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[:, :, None, None]
    loss = RelationalLoss(distance_weight=0.0, angle_weight=1.0)(student, teacher)
    expected = 2 * (0.5**2 + 2 * (math.sqrt(0.5) - 0.5) ** 2) / 2 / 27
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_in_loops():
    student, teacher = torch.randn(5, 3, 2, 2), torch.randn(5, 7, 4, 4)
    distance, angle = in_loops(student, teacher)
    loss = RelationalLoss()(student, teacher)
    assert loss.item() == pytest.approx(25 * distance + 50 * angle, rel=1e-5)


@given(scale=st.floats(0.01, 100), shift=st.floats(-5, 5), seed=st.integers(0, 2**32 - 1))
def test_rotation_scale_and_shift_do_not_count(scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(4, 3, generator=generator).double()
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator).double()).Q
    moved = scale * (student @ rotation + shift)
    loss = RelationalLoss().compare(student[:, :, None, None], moved[:, :, None, None])
    assert loss.item() == pytest.approx(0, abs=1e-9)


def test_images_that_are_alike_give_bounded_gradients():
    student = torch.randn(4, 3, 2, 2)
    student[1] = student[0]
    student.requires_grad_()
    RelationalLoss()(student, torch.randn(4, 3, 2, 2)).backward()
    assert student.grad.abs().max() < 100


def test_one_image_is_refused():
    with pytest.raises(ValueError, match='at least 2'):
        RelationalLoss()(torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2))
