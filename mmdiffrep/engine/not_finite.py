# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stop a run whose numbers are not finite."""

from typing import NoReturn

from mmengine.runner import Runner
from torch import nn

from mmdiffrep.utils.checkpoint_io import find_resume_checkpoint


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
    bad = [name for name, p in module.named_parameters() if not p.detach().isfinite().all()]
    if bad:
        stop_run(
            runner,
            f'iteration {iteration}: parameters of the {owner} are not finite: {bad[0]} '
            f'({len(bad)} in all). A gradient was not finite, or a loss that no FiniteLossHook '
            'checked',
        )


def stop_run(runner: Runner, reason: str) -> NoReturn:
    """Raise a FloatingPointError that names the last checkpoint and what may help."""
    last = find_resume_checkpoint(runner.work_dir)
    raise FloatingPointError(
        f'{reason}. The run stops before this is saved; '
        + (f'the last checkpoint is {last}. ' if last else 'there is no checkpoint yet. ')
        + 'A lower learning rate or loss_weight, a warm-up, or clip_grad in optim_wrapper '
        '(and in the distillation hook) may help.'
    )
