# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Phases of a run with a teacher, and the frozen task while the student only imitates."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from mmdiffrep.utils.checks import equal, integer, of_type, one_of, rising

TaskLosses = dict[str, Tensor | list[Tensor]]


class PhaseSchedule:
    """Give the phase of an iteration: a function of it alone, so a resumed run needs no state.

    Args:
        phases (list of tuple, optional): ``(phase, end iteration)`` in order, of ``'distill'`` and
            ``'joint'``; what follows is ``'finetune'``. Defaults to None: joint all along.
    """

    def __init__(self, phases: Sequence[tuple[str, int]] | None = None) -> None:
        given = of_type('phases', [] if phases is None else phases, list, tuple)
        for phase in given:
            parts = of_type('each of phases', phase, list, tuple)
            equal('The length of each of phases', len(parts), 2, "Give ('joint', end iteration).")
            one_of('each kind of phases', phase[0], ('distill', 'joint'))
        self.phases = [(name, integer('each end of phases', end, 1)) for name, end in given]
        rising('ends of phases', [end for _, end in self.phases] or [1])

    @property
    def end(self) -> int:
        """The iteration that ends the last phase with a teacher, 0 without phases."""
        return self.phases[-1][1] if self.phases else 0

    def warn_if_late(self, runner: Runner) -> None:
        """Warn if the last phase ends after the run."""
        if self.end > runner.max_iters:
            runner.logger.warning(
                f'RepFusion: the last of phases={self.phases} ends after the run, which has '
                f'{runner.max_iters} iterations'
            )

    def progress(self, iteration: int, max_iters: int) -> float:
        """Return the share of the training with a teacher that is done, in [0, 1].

        Policies that change with time (warm-up, entropy, annealed timesteps) follow it, so that
        they reach their end before the teacher is freed.

        Args:
            iteration (int): Iterations done.
            max_iters (int): Iterations of the whole run.
        """
        return min(iteration / min(self.end or max_iters, max_iters), 1.0)

    def check_task_learns(self) -> None:
        """Raise a ValueError if the task is frozen in some phase."""
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


class TaskFreeze:
    """Phase ``'distill'``: the task's losses count zero and its own parameters do not move.

    Attributes:
        active (bool): Whether the task is frozen in this iteration.
    """

    def __init__(self) -> None:
        self.active = False
        self._model: nn.Module | None = None
        self._task_only: list[str] = []

    def zero_losses(
        self, model: nn.Module, task: TaskLosses, losses: dict[str, Tensor]
    ) -> TaskLosses:
        """Return the task's losses times zero: DDP still sees every parameter used.

        Args:
            model (nn.Module): The student.
            task (dict): The task's losses.
            losses (dict): The distillation terms, inside the graph.
        """
        if self._model is None:
            self._model = model
            for module in model.modules():
                unshard: Any = getattr(module, 'unshard', None)
                if unshard is not None:  # FSDP2's; else its parameters are not those in the graph
                    unshard()
            params = {name: p for name, p in model.named_parameters() if p.requires_grad}
            distill = torch.stack([v for key, v in losses.items() if 'loss_distill' in key]).sum()
            grads = torch.autograd.grad(
                distill, list(params.values()), retain_graph=True, allow_unused=True
            )
            self._task_only = [name for name, grad in zip(params, grads) if grad is None]
        return {key: _times_zero(value) if 'loss' in key else value for key, value in task.items()}

    def drop_grads(self, *_: object) -> None:
        """Keep weight decay and momentum away from the task; before the optimizer's step."""
        if self.active and self._model is not None:
            params = dict(self._model.named_parameters())
            for name in self._task_only:
                params[name].grad = None


def _times_zero(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return [item * 0 for item in value] if isinstance(value, list) else value * 0
