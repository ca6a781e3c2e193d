# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.rewards import StudentContext, StudentGainReward

STUDENT = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], requires_grad=True)
TEACHER = torch.zeros(3, 2, 1, 1)


def lesson(targets, wanted):
    """The task pulls each feature to ``wanted``, the teacher to ``targets``."""
    distill = (STUDENT - torch.tensor(targets)).square().mean()
    task = 3 * (STUDENT - torch.tensor(wanted)).square().sum()
    return StudentContext((STUDENT,), distill, task)


def test_reward_is_the_cosine_of_the_gradients():
    wanted = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    targets = [[0.0, 0.0], [0.0, 5.0], [2.0, 0.0]]  # with the task, against it, across
    rewarded = StudentGainReward(2)(TEACHER, None, lesson(targets, wanted))
    torch.testing.assert_close(rewarded.reward, torch.tensor([1.0, -1.0, 0.0]))
    assert rewarded.loss is None and not rewarded.reward.requires_grad


def test_sign_is_that_of_the_first_order_gain():
    """A small step against the distillation loss lowers the task's loss where the reward is > 0."""
    torch.manual_seed(0)
    wanted, targets = torch.randn(3, 2).tolist(), torch.randn(3, 2).tolist()
    given = lesson(targets, wanted)
    reward = StudentGainReward(2)(TEACHER, None, given).reward
    (step,) = torch.autograd.grad(given.distill_loss, STUDENT)
    moved = STUDENT - 1e-3 * step
    gain = (STUDENT - torch.tensor(wanted)).square().sum(1)
    gain = gain - (moved - torch.tensor(wanted)).square().sum(1)
    assert torch.equal(gain > 0, reward > 0)


def test_image_without_task_gradient_earns_nothing():
    wanted = STUDENT.detach().tolist()
    reward = StudentGainReward(2)(TEACHER, None, lesson([[0.0, 0.0]] * 3, wanted)).reward
    assert reward.tolist() == [0.0, 0.0, 0.0]


def test_graph_is_left_for_the_training_step():
    given = lesson([[0.0, 0.0]] * 3, [[1.0, 2.0]] * 3)
    StudentGainReward(2)(TEACHER, None, given)
    (given.task_loss + given.distill_loss).backward()


@pytest.mark.parametrize('given', [None, StudentContext((STUDENT,), STUDENT.sum(), None)])
def test_student_without_a_task_is_named(given):
    with pytest.raises(ValueError, match='no loss of its own'):
        StudentGainReward(2)(TEACHER, None, given)


def test_layer_that_the_head_does_not_read_is_named():
    other = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match='does not depend on the student layers'):
        StudentGainReward(2)(TEACHER, None, StudentContext((STUDENT,), STUDENT.sum(), other.sum()))


def test_a_gradient_that_float16_cannot_hold_scaled_still_counts():
    student = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    half = student.half()
    given = StudentContext((half,), (half.float() * 3).sum(), (half.float() * 1.5).sum())
    reward = StudentGainReward(2)(TEACHER[:2], None, given).reward
    torch.testing.assert_close(reward, torch.ones(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize('small', ['task', 'distill'])
def test_a_gradient_that_float16_cannot_hold_as_it_is_still_counts(small):
    half = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True).half()
    losses = dict(task=half.float().sum(), distill=half.float().sum())
    losses[small] = losses[small] * 1e-9
    given = StudentContext((half,), losses['distill'], losses['task'])
    reward = StudentGainReward(2)(TEACHER[:2], None, given).reward
    torch.testing.assert_close(reward, torch.ones(2), atol=1e-3, rtol=0)
