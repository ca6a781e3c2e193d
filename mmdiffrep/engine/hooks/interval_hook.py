# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Bases of the hooks that act at intervals and after the last iteration."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdiffrep.utils.fail_together import fail_together
from mmdiffrep.utils.rng import keep_random_state


class IntervalHook(Hook):
    """Act every ``interval`` iterations, and always after the last one.

    Attributes:
        interval: Iterations between two actions; -1: only after the last one.
    """

    priority = 'LOW'  # after EMAHook, which is NORMAL
    interval: int

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Act when the interval has passed."""
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self.act(runner)

    @abstractmethod
    def act(self, runner: Runner) -> None:
        """Do what is due."""


class MeasuringHook(IntervalHook):
    """Measure something at intervals, in the first process; the others wait and fail with it.

    The random numbers of the training stay as they are.
    """

    def act(self, runner: Runner) -> None:
        """Measure."""
        self.alone(lambda: self.measure(runner))

    def alone(self, work: Callable[[], None]) -> None:
        """Do something in the first process, and fail in all if it fails."""
        with fail_together():
            if is_main_process():
                with keep_random_state():
                    work()

    @abstractmethod
    def measure(self, runner: Runner) -> None:
        """Measure, and log what was found."""
