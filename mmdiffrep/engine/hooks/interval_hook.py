# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the hooks that act at intervals and after the last iteration."""

from abc import abstractmethod
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner


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
