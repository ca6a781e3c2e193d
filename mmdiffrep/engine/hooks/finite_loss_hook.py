# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stop a run whose loss or weights are not finite, before that is saved."""

from typing import Any, NoReturn

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner, find_latest_checkpoint
from torch import Tensor, nn

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import integer


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop the run, naming the term, when a loss is NaN or infinite.

    Every tensor with ``loss`` in its name that a training step returns is checked, with one
    operation per check. All ranks stop together, before checkpoint, EMA and other hooks act on that
    iteration; the last checkpoint is from before.

    A finite loss can have a gradient that is not finite, which shows only in the loss of the next
    iteration. So the model's parameters are checked as well before they are saved;
    :class:`RepFusionHook` checks its own.

    Args:
        interval (int): Iterations between two checks. Defaults to 1. Where checks are rarer, there
            is one more before validation, at the end of an epoch and before a checkpoint is
            written; before a checkpoint inside an epoch only the main process's losses count.

    Raises:
        ValueError: ``interval`` is less than 1.
        FloatingPointError: While training: a loss is NaN or infinite, or a parameter that was to be
            saved.
    """

    # Before EMAHook, LoggerHook, CheckpointHook and all others that keep what an iteration did.
    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 1) -> None:
        self.interval = integer('interval', interval, 1)
        self._unchecked: list[tuple[int, str, Tensor]] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Collect the losses of this iteration, and check those since the last check if due."""
        if isinstance(outputs, dict):
            self._unchecked += [
                (runner.iter + 1, name, value.detach())
                for name, value in outputs.items()
                if 'loss' in name and isinstance(value, Tensor)
            ]
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self._check(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check what is left, before a checkpoint is written."""
        self._check(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Check what is left, before the weights can become the best ones."""
        self._check(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check what is left, and the parameters; only the main process or, of shards, all."""
        self._check(runner, together=False)
        check_parameters(runner, runner.model, checkpoint['meta']['iter'], 'model')

    def _check(self, runner: Runner, together: bool = True) -> None:
        unchecked, self._unchecked = self._unchecked, []
        if not unchecked:
            return
        finite = torch.stack([value.float().mean() for _, _, value in unchecked]).isfinite()
        all_finite = finite.all().to(torch.uint8)
        if together:
            all_reduce(all_finite, op='min')
        if all_finite:
            return
        bad = [term for term, good in zip(unchecked, finite.tolist()) if not good]
        own = _describe(bad) if bad else ''
        found = set(all_gather_object(own) if together else [own]) - {''}
        stop_run(runner, '; '.join(sorted(found)))


def _describe(bad: list[tuple[int, str, Tensor]]) -> str:
    """Name the terms of the first bad iteration; their sum only if all of them are finite."""
    first = bad[0][0]
    terms = {name: value.item() for iteration, name, value in bad if iteration == first}
    names = [name for name in terms if name != 'loss'] or ['loss']
    return f'iteration {first}: ' + ', '.join(f'{name} is {terms[name]}' for name in names)


def check_parameters(runner: Runner, module: nn.Module, iteration: int, owner: str) -> None:
    """Stop the run if a parameter that is to be saved is NaN or infinite.

    A finite loss can have a gradient that is not, which shows only in the loss of the next
    iteration, when a checkpoint may have been written.

    Args:
        runner (Runner): The run.
        module (nn.Module): What is about to be saved.
        iteration (int): Iterations so far.
        owner (str): Whose parameters these are, for the message.

    Raises:
        FloatingPointError: With the name of the first such parameter.
    """
    bad = [name for name, p in module.named_parameters() if not _is_finite(p)]
    if bad:
        stop_run(
            runner,
            f'iteration {iteration}: parameters of the {owner} are not finite: {bad[0]} '
            f'({len(bad)} in all). A gradient was not finite, or a loss that no FiniteLossHook '
            'checked',
        )


def _is_finite(parameter: Tensor) -> bool:
    finite: Any = parameter.detach().isfinite().all()
    # Of a sharded parameter, a DTensor, each process sees its part.
    return bool(finite.full_tensor() if hasattr(finite, 'full_tensor') else finite)


def stop_run(runner: Runner, reason: str) -> NoReturn:
    """Raise a FloatingPointError that names the last checkpoint and what may help."""
    last = find_latest_checkpoint(runner.work_dir)
    raise FloatingPointError(
        f'{reason}. The run stops before this is saved; '
        + (f'the last checkpoint is {last}. ' if last else 'there is no checkpoint yet. ')
        + 'A lower learning rate or loss_weight, a warm-up, or clip_grad in optim_wrapper '
        '(and in the distillation hook) may help.'
    )
