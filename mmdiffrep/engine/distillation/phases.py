# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Phases of a run with a teacher, and how the task rests while the student only imitates."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# The last one follows the others and has no teacher.
PHASES = ('distill', 'joint', 'finetune')


class PhaseSchedule:
    """Which phase an iteration is in: a function of it alone, so a resumed run needs no state.

    Args:
        phases (list of tuple, optional): ``(phase, end iteration)`` in order, of ``'distill'`` and
            ``'joint'``; what follows is ``'finetune'``. Defaults to None: joint all along.
    """

    def __init__(self, phases: Sequence[tuple[str, int]] | None = None) -> None:
        phases = list(phases or ())
        ends = [end for _, end in phases]
        if any(name not in PHASES[:2] for name, _ in phases) or ends != sorted(set(ends)):
            raise ValueError(
                f"phases must be ('distill' or 'joint', end) pairs with rising ends, got {phases}"
            )
        if ends and ends[0] < 1:
            raise ValueError(
                f'the first of phases must end after an iteration or more, got {phases}'
            )
        self.phases = phases

    @property
    def end(self) -> int:
        """The iteration that ends the last phase with a teacher, 0 without phases."""
        return self.phases[-1][1] if self.phases else 0

    def progress(self, iteration: int, max_iters: int) -> float:
        """Return which share of the training with a teacher is done, in [0, 1].

        Policies that change with time (warm-up, entropy, annealed timesteps) go by it, so that
        they get to their end before the teacher is freed.

        Args:
            iteration (int): Iterations that are done.
            max_iters (int): Iterations of the whole run.
        """
        return min(iteration / min(self.end or max_iters, max_iters), 1.0)

    def check_task_learns(self) -> None:
        """Raise a ValueError if the task rests in some phase."""
        if any(name == 'distill' for name, _ in self.phases):
            raise ValueError(
                'the reward looks at the loss of the task, but the task does not learn in the '
                "phase 'distill': use phases with 'joint' alone, or another reward"
            )

    def at(self, iteration: int) -> str:
        """Return the phase of an iteration."""
        for name, end in self.phases:
            if iteration < end:
                return name
        return 'finetune' if self.phases else 'joint'


class RestingTask:
    """Phase 'distill': the task's losses count zero and its own parameters do not move.

    Attributes:
        rests (bool): Whether the task rests in this iteration.
    """

    def __init__(self) -> None:
        self.rests = False
        self._task_only: list[nn.Parameter] | None = None

    def silence(
        self, model: nn.Module, task: dict[str, Tensor], losses: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the task's losses times zero: DDP still sees every parameter used.

        Args:
            model (nn.Module): The student.
            task (dict): The task's losses.
            losses (dict): The distillation terms, inside the graph.
        """
        if self._task_only is None:
            params = [p for p in model.parameters() if p.requires_grad]
            distill = sum(value for key, value in losses.items() if 'loss_distill' in key)
            grads = torch.autograd.grad(distill, params, retain_graph=True, allow_unused=True)
            self._task_only = [p for p, grad in zip(params, grads) if grad is None]
        return {key: _times_zero(value) if 'loss' in key else value for key, value in task.items()}

    def spare(self, *_: object) -> None:
        """Before the optimizer's step: weight decay and momentum leave the task alone too."""
        if self.rests:
            for param in self._task_only or ():
                param.grad = None


def _times_zero(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return [item * 0 for item in value] if isinstance(value, list) else value * 0
