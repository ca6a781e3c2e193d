# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Average weights with a decay that counts optimizer steps."""

from typing import Any

from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from mmdiffrep.registry import HOOKS


@HOOKS.register_module()
class StepEMAHook(EMAHook):
    """mmengine's ``EMAHook``, once per optimizer step.

    mmengine averages once per iteration. With ``accumulative_counts=k`` the weights change every k
    iterations only, so that a decay d acts as d^k. Arguments are those of ``EMAHook``; a decay d is
    ``momentum=1 - d``, and ``ema_type='MomentumAnnealingEMA', gamma=10`` makes it
    ``min(d, steps / (steps + 10))``.
    """

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Average if the optimizer has stepped in this iteration."""
        if runner.optim_wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
