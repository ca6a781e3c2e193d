# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Warn early in a run in which the student learns nothing of its teacher."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import within

_LEAST_ITERATIONS = 50
CAUSES = (
    'The usual causes: the learning rate is too high or too low; the student or its layers are '
    'frozen; the teacher never saw images like these, or its weights are random; the '
    "normalization is not the student's; all images look alike; the teacher's tap hardly depends "
    'on the image (another tap or timestep does).'
)


@HOOKS.register_module()
class LearningWatchHook(Hook):
    """Watch the explained share of the teacher's features.

    ``explained`` is 1 - loss / (loss of predicting the mean), see
    :class:`~mmdiffrep.models.distillers.FeaturePair`. If its mean over the second half of the
    first tenth of the run, or of its first 50 iterations, stays below ``least``, one warning names
    the usual causes.

    Args:
        share: When to look, as a share of the run, in (0, 1). Defaults to 0.1.
        least: Explained share that a run must have reached by then. Defaults to 0.05.
    """

    priority = 'LOW'

    def __init__(self, share: float = 0.1, least: float = 0.05) -> None:
        self.share = within('share', share, 0, 1, open_low=True, open_high=True)
        self.least = within('least', least, 0, 1)
        self._sum: dict[str, Tensor] = {}
        self._count = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Add up the shares, and judge them at the end of the first tenth."""
        end = max(_LEAST_ITERATIONS, round(self.share * runner.max_iters))
        if not end // 2 <= runner.iter < end or not isinstance(outputs, dict):
            return
        self._count += 1
        for name, value in outputs.items():
            if name.rpartition('/')[2].startswith('explained'):
                value = torch.as_tensor(value).detach()
                self._sum[name] = self._sum.get(name, torch.zeros_like(value)) + value
        if runner.iter == end - 1 and self._sum:
            self._judge(runner)

    def _judge(self, runner: Runner) -> None:
        shares = {name: float(total) / self._count for name, total in self._sum.items()}
        low = {name: share for name, share in shares.items() if not share >= self.least}
        if low:
            found = ', '.join(f'{name} {share:.3f}' for name, share in low.items())
            runner.logger.warning(
                f'After {runner.iter + 1} of {runner.max_iters} iterations the student explains '
                f"less than {self.least:.0%} of its teacher's features ({found}; 0 is what "
                f'predicting the mean explains, 1 is all). {CAUSES}'
            )
