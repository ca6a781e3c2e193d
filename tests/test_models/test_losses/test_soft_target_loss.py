# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.models.losses import DenseSoftTargetLoss, SoftTargetLoss


def test_by_hand():
    # At T = 2: the student's logits (0, 0) give 1/2, 1/2, the teacher's (2 ln 3, 0) give 3/4, 1/4.
    student = torch.zeros(1, 2, 1, 1)
    teacher = torch.tensor([2 * math.log(3), 0.0]).view(1, 2, 1, 1)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    loss = SoftTargetLoss(temperature=2.0, loss_weight=3.0)(student, teacher)
    assert loss.item() == pytest.approx(3 * expected, rel=1e-5)


def test_in_loops():
    student, teacher = torch.randn(4, 5, 1, 1), torch.randn(4, 5, 1, 1)
    total = 0.0
    for s, t in zip(student.numpy().astype(float), teacher.numpy().astype(float)):
        p, q = (np.exp(z / 4).ravel() for z in (t, s))
        p, q = p / sum(p), q / sum(q)
        total += sum(a * math.log(a / b) for a, b in zip(p, q))
    loss = SoftTargetLoss()(student, teacher)
    assert loss.item() == pytest.approx(16 * total / 4, rel=1e-4)


@given(shift=st.floats(-50, 50), seed=st.integers(0, 2**32 - 1))
def test_a_shift_of_all_logits_does_not_count(shift, seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(2, 5, 1, 1, generator=generator) for _ in range(2))
    loss = SoftTargetLoss()
    torch.testing.assert_close(
        loss(student + shift, teacher), loss(student, teacher), rtol=1e-3, atol=1e-5
    )


def test_temperature_must_be_positive():
    with pytest.raises(ValueError, match='positive, got -1'):
        SoftTargetLoss(temperature=-1)


def test_dense_is_the_mean_over_the_pixels():
    student, teacher = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    pixels = [
        SoftTargetLoss()(
            student[b, :, y, x][None, :, None, None], teacher[b, :, y, x][None, :, None, None]
        )
        for b, y, x in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4))
    ]
    torch.testing.assert_close(DenseSoftTargetLoss()(student, teacher), torch.stack(pixels).mean())


def test_dense_compares_at_the_size_of_the_teacher():
    student = torch.randn(2, 5, 3, 3)
    teacher = torch.nn.functional.interpolate(student, size=(6, 6), mode='bilinear')
    assert DenseSoftTargetLoss()(student, teacher).item() == pytest.approx(0, abs=1e-6)
