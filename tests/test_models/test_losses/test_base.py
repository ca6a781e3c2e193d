# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What holds for every distillation loss."""

import pytest
import torch

from mmdiffrep.models import losses
from mmdiffrep.models.losses import DenseFeatureLoss, DistillationLoss, LossSum, PooledFeatureLoss
from mmdiffrep.models.losses.base import resize_like
from mmdiffrep.models.losses.feature_loss import DISTANCES

BUILT = [
    losses.AttentionTransferLoss(),
    losses.ContrastiveLoss(),
    losses.RelationalLoss(),
    losses.SoftTargetLoss(),
    *(kind(distance) for kind in (DenseFeatureLoss, PooledFeatureLoss) for distance in DISTANCES),
]
every_loss = pytest.mark.parametrize(
    'loss', BUILT, ids=lambda loss: f'{type(loss).__name__} {getattr(loss, "distance", "")}'.strip()
)


def features():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(3, 5, size, size, generator=generator) for size in (4, 6)]


def test_no_loss_is_left_out():
    exported = {getattr(losses, name) for name in losses.__all__} - {
        DistillationLoss,
        LossSum,
        losses.DenseSoftTargetLoss,  # tests of their own: need maps of classes or patches
        losses.PatchRelationLoss,
    }
    distillation = {loss for loss in exported if issubclass(loss, DistillationLoss)}
    assert {type(loss) for loss in BUILT} == distillation


@every_loss
def test_gradient_reaches_the_student_alone(loss):
    student, teacher = (feature.requires_grad_() for feature in features())
    value = loss(student, teacher)
    value.backward()
    assert value.shape == () and value > 0
    assert student.grad.isfinite().all() and student.grad.abs().max() > 0
    assert teacher.grad is None


@every_loss
def test_descent_brings_the_student_nearer(loss):
    """A loss of the wrong sign would fail here."""
    student, teacher = features()
    student.requires_grad_()
    before = loss(student, teacher)
    (grad,) = torch.autograd.grad(before, student)
    after = loss(student - 1e-3 * grad / grad.norm(), teacher)
    assert after < before
    assert loss(teacher, teacher) < before


@every_loss
def test_weight_is_a_factor(loss, monkeypatch):
    student, teacher = features()
    once = loss(student, teacher)
    monkeypatch.setattr(loss, 'loss_weight', 3 * loss.loss_weight)
    torch.testing.assert_close(loss(student, teacher), 3 * once)


@every_loss
def test_computes_in_float32_whatever_comes_in(loss):
    student, teacher = (feature.bfloat16() for feature in features())
    expected = loss(student.float(), teacher.float())
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(student, teacher)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0, atol=0)


@every_loss
def test_zero_features_give_finite_gradients(loss):
    student = torch.zeros(3, 5, 4, 4, requires_grad=True)
    value = loss(student, torch.zeros(3, 5, 4, 4))
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()


def test_resize_is_bilinear():
    student = torch.tensor([[[[0.0, 4.0]]]])
    assert resize_like(student, torch.zeros(1, 1, 1, 4)).flatten().tolist() == [0, 1, 3, 4]
