# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.models.losses import ContrastiveLoss


def in_loops(student, teacher, temperature):
    """InfoNCE of pooled features, query by query."""
    queries, keys = (f.numpy().astype(float).mean(axis=(2, 3)) for f in (student, teacher))
    total = 0.0
    for i, query in enumerate(queries):
        logits = []
        for key in keys:
            cosine = sum(query * key) / math.sqrt(sum(query**2)) / math.sqrt(sum(key**2))
            logits.append(cosine / temperature)
        total += np.log(sum(np.exp(logits))) - logits[i]
    return total / len(queries)


def test_by_hand():
    # Cosines with the own key 1, with the other 0: log(e + 1) - 1 at temperature 1.
    feature = torch.tensor([[2.0, 0.0], [0.0, 3.0]])[:, :, None, None]
    loss = ContrastiveLoss(temperature=1.0, loss_weight=2.0)(feature, feature)
    assert loss.item() == pytest.approx(2 * (math.log(math.e + 1) - 1), rel=1e-6)


@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_in_loops(temperature):
    student, teacher = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 4, 4)
    loss = ContrastiveLoss(temperature)(student, teacher)
    assert loss.item() == pytest.approx(in_loops(student, teacher, temperature), rel=1e-5)


@pytest.mark.parametrize('batch_size', [2, 5])
def test_images_that_are_all_alike_cannot_be_told_apart(batch_size):
    feature = torch.randn(1, 3, 2, 2).expand(batch_size, -1, -1, -1)
    assert ContrastiveLoss()(feature, feature).item() == pytest.approx(math.log(batch_size))


@given(scale=st.floats(0.01, 100), seed=st.integers(0, 2**32 - 1))
def test_scale_does_not_count(scale, seed):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(3, 4, 2, 2, generator=generator) for _ in range(2))
    loss = ContrastiveLoss()
    expected = loss(student, teacher)
    torch.testing.assert_close(loss(scale * student, teacher), expected, rtol=1e-4, atol=1e-5)


def test_order_of_the_images_does_not_count():
    student, teacher = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    loss = ContrastiveLoss()
    torch.testing.assert_close(loss(student.flip(0), teacher.flip(0)), loss(student, teacher))


def test_one_image_is_refused():
    with pytest.raises(ValueError, match='at least 2 in a batch'):
        ContrastiveLoss()(torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2))


def test_temperature_must_be_positive():
    with pytest.raises(ValueError, match='positive, got 0'):
        ContrastiveLoss(temperature=0)
