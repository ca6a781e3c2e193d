# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A warning for runs that learn nothing."""

import logging
from types import SimpleNamespace

import pytest
import torch

from mmdiffrep.engine.hooks import LearningWatchHook


def watched(values, max_iters, caplog):
    """Run the hook over the explained share of each iteration; return what it warned of."""
    runner = SimpleNamespace(max_iters=max_iters, iter=0, logger=logging.getLogger('watched'))
    hook = LearningWatchHook()
    with caplog.at_level(logging.WARNING, logger='watched'):
        for runner.iter, value in enumerate(values):
            hook.after_train_iter(runner, 0, outputs=dict(loss=1.0, explained=torch.tensor(value)))
    return [record.getMessage() for record in caplog.records]


def test_warns_once_at_a_tenth_of_the_run(caplog):
    warned = watched([0.0] * 500, 1000, caplog)
    assert len(warned) == 1
    assert 'After 100 of 1000 iterations' in warned[0] and 'learning rate' in warned[0]


def test_a_run_that_learns_late_in_the_first_tenth_is_fine(caplog):
    assert watched([-1.0] * 49 + [0.2] * 100, 1000, caplog) == []


def test_not_a_number_is_not_learning(caplog):
    assert len(watched([float('nan')] * 200, 1000, caplog)) == 1


def test_short_runs_are_judged_after_50_iterations(caplog):
    assert watched([0.0] * 40, 40, caplog) == []
    assert len(watched([0.0] * 60, 60, caplog)) == 1


@pytest.mark.parametrize('options', [dict(share=0.0), dict(least=2.0)])
def test_options_out_of_range(options):
    with pytest.raises(ValueError):
        LearningWatchHook(**options)
