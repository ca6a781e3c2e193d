# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

from mmdiffrep.engine.hooks.interval_hook import IntervalHook


class Recorder(IntervalHook):
    def __init__(self, interval):
        self.interval = interval
        self.acted = []

    def act(self, runner):
        self.acted.append(runner.iter + 1)


@pytest.mark.parametrize(
    ('interval', 'expected'), [(3, [3, 6, 8]), (4, [4, 8]), (100, [8]), (-1, [8])]
)
def test_acts_at_intervals_and_after_the_last_iteration(interval, expected):
    hook = Recorder(interval)
    for iteration in range(8):
        runner = SimpleNamespace(iter=iteration, max_iters=8)
        hook.after_train_iter(runner, iteration)
    assert hook.acted == expected
