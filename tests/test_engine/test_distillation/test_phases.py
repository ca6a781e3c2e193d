# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.engine.distillation.phases import PhaseSchedule, TaskFreeze


def test_phase_is_a_function_of_the_iteration():
    schedule = PhaseSchedule([('distill', 2), ('joint', 3)])
    assert [schedule.at(i) for i in range(5)] == [
        'distill',
        'distill',
        'joint',
        'finetune',
        'finetune',
    ]
    assert PhaseSchedule().at(10**6) == 'joint'


@pytest.mark.parametrize(
    ('phases', 'shares'),
    [
        (None, [0, 0.1, 0.5, 0.9]),
        ([('distill', 2), ('joint', 5)], [0, 0.2, 1, 1]),
        ([('joint', 50)], [0, 0.1, 0.5, 0.9]),  # ends after the run
    ],
)
def test_progress_ends_with_the_teacher(phases, shares):
    schedule = PhaseSchedule(phases)
    assert [schedule.progress(i, max_iters=10) for i in (0, 1, 5, 9)] == shares


@pytest.mark.parametrize(
    'phases',
    [
        [('warm', 3)],
        [('finetune', 3)],
        [('distill', 3), ('joint', 3)],
        [('joint', 3, 4)],
        [('joint', 0)],
        [('joint', 1.5)],
        [('joint', '3')],
        'joint',
    ],
)
def test_bad_phases_are_named(phases):
    with pytest.raises((TypeError, ValueError), match='phases must'):
        PhaseSchedule(phases)


def test_frozen_task_is_named():
    PhaseSchedule([('joint', 3)]).check_task_learns()
    with pytest.raises(ValueError, match="phase 'distill'"):
        PhaseSchedule([('distill', 3)]).check_task_learns()


@pytest.mark.parametrize('key', ['loss_distill', 'loss_distill_1', 'task/loss_distill'])
def test_only_parameters_of_the_task_are_frozen(key):
    model = nn.ModuleDict(dict(backbone=nn.Linear(2, 2), head=nn.Linear(2, 1)))
    feature = model.backbone(torch.ones(1, 2))
    task = dict(loss_ce=model.head(feature).sum(), acc=torch.tensor(3.0))
    freeze = TaskFreeze()
    silent = freeze.zero_losses(model, task, {key: feature.square().sum()})
    assert silent['loss_ce'] == 0 and silent['acc'] == 3
    silent['loss_ce'].backward()
    freeze.drop_grads()
    assert model.head.weight.grad is not None  # joint: nothing is frozen
    freeze.active = True
    freeze.drop_grads()
    assert model.head.weight.grad is None and model.backbone.weight.grad is not None
