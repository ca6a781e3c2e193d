# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import get_priority
from torch import nn

from mmdiffrep.engine.hooks import SampleGridHook, StepEMAHook
from mmdiffrep.registry import HOOKS


@pytest.mark.parametrize('accumulate', [1, 3])
def test_averages_once_an_optimizer_step(accumulate):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runner = SimpleNamespace(
        model=model, iter=0, optim_wrapper=OptimWrapper(optimizer, accumulative_counts=accumulate)
    )
    hook = HOOKS.build(dict(type='StepEMAHook', ema_type='mmdiffrep.ForeachEMA'))
    assert isinstance(hook, StepEMAHook)
    hook.before_run(runner)
    steps = []
    for runner.iter in range(6):
        runner.optim_wrapper.update_params(model(torch.ones(1, 1)).sum())
        hook.after_train_iter(runner, runner.iter)
        steps.append(int(hook.ema_model.steps))
    assert steps == ([1, 2, 3, 4, 5, 6] if accumulate == 1 else [0, 0, 1, 1, 1, 2])


def test_comes_before_what_shows_the_averages():
    assert get_priority(StepEMAHook.priority) < get_priority(SampleGridHook.priority)
