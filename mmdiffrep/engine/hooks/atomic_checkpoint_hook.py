# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmengine's checkpoint hook, made to survive a process that dies at any moment."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, NoReturn

from mmengine.dist import barrier
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdiffrep.engine.checkpoints.best_checkpoints import (
    VALIDATION_DUE,
    BestCheckpoints,
    gradients_are_applied,
)
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checkpoint_io import ensure_safe_loader
from mmdiffrep.utils.checks import integer, of_type
from mmdiffrep.utils.folder_lock import only_run_in
from mmdiffrep.utils.near_names import did_you_mean
from mmdiffrep.utils.pixel_checks import check_inputs
from mmdiffrep.utils.stop_signal import StopSignal, in_any_process


@HOOKS.register_module()
class AtomicCheckpointHook(BestCheckpoints):
    """``CheckpointHook`` whose files appear complete or not at all.

    A drop-in: takes all of its options and writes files of the same names and keys, which plain
    mmengine, mmseg, mmpose and mmpretrain load. What differs:

    - Checkpoints, best checkpoints, published ones and ``last_checkpoint`` are written under a
      temporary name, brought to the disk and renamed. Killed at any moment, a run leaves its
      earlier checkpoint intact; leftovers are removed at the next start.
    - The new file and ``last_checkpoint`` are in place before an old one is removed, so there must
      be room for one checkpoint more than ``max_keep_ckpts``. A best checkpoint is removed when a
      checkpoint names its successor.
    - A checkpoint knows whether a validation was due after it. A run resumed from there begins with
      that validation, so that its best checkpoint and best score are those of a run that was never
      interrupted.
    - Files load with ``torch.load(weights_only=True)``, also to resume: the message hub's history
      and NumPy arrays are stored as tensors and lists (:mod:`mmdiffrep.utils.plain_state`).
    - On SIGTERM the current iteration is finished, a checkpoint saved, and the process exits with
      status 143 (128 + 15). With gradient accumulation it goes on until the optimizer has stepped.
      Where all is saved already (batches are replayed after a resume, or a validation follows a
      checkpoint) it exits at once. A second SIGTERM, 2 s or more after the first, ends it at once.
      Under an epoch-based loop no checkpoint is written inside an epoch, as mmengine could only
      resume at the epoch's start: the run then stops at once and resumes from its last one.
      Where the signal also reaches the data loader's workers (a whole process group), they die:
      the processes then stop together before the next batch, and a validation is left and made up
      on resuming.

    Remote ``out_dir`` or ``backend_args`` work as in mmengine, with that storage's own guarantees.

    Args:
        *args: As in ``mmengine.hooks.CheckpointHook``.
        save_on_sigterm: Handle SIGTERM (inside a Slurm job SIGUSR1 too, for ``--signal=USR1@120``)
            as above; otherwise it ends the process at once.
        **kwargs: As in ``mmengine.hooks.CheckpointHook``.

    Raises:
        TypeError: An option does not exist, or is of another type.
        ValueError: At the first validation: ``save_best`` is not one of its metrics.
        RuntimeError: When training starts: another run is in this work directory.
        OSError: While saving: the disk is full or not writable. Older checkpoints are intact.
        TypeError: While saving: the model or a hook put something into the checkpoint that is
            neither a tensor nor plain data.
    """

    def __init__(self, *args: Any, save_on_sigterm: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.args:  # the parent class keeps what it does not know, and fails at the first save
            name = next(iter(self.args))
            known = [*inspect.signature(CheckpointHook.__init__).parameters, 'save_on_sigterm']
            raise TypeError(
                f'{type(self).__name__} has no option {name!r}.{did_you_mean(name, known)}'
            )
        integer('interval', self.interval)
        integer('max_keep_ckpts', self.max_keep_ckpts)
        of_type('by_epoch', self.by_epoch, bool)
        listens = of_type('save_on_sigterm', save_on_sigterm, bool)
        self._stop_signal = StopSignal() if listens else None

    def before_run(self, runner: Runner) -> None:
        """Load safely, and own work directory and signals for as long as the loop runs."""
        ensure_safe_loader()
        check_inputs(runner.cfg)
        train, validation = runner._train_loop, runner._val_loop
        if isinstance(train, BaseLoop):
            train.run = partial(self._run_alone, train)
            if isinstance(validation, BaseLoop):
                validation.run = partial(self._validate, validation)

    def _run_alone(self, loop: BaseLoop) -> Any:
        listening = self._stop_signal.listening() if self._stop_signal else nullcontext()
        with only_run_in(loop.runner.work_dir), listening:
            try:
                return type(loop).run(loop)
            except RuntimeError:
                if self._lost_its_workers() and isinstance(loop, EpochBasedTrainLoop):
                    self._stop(loop.runner, loop.runner.iter, together=False)
                raise

    def _validate(self, loop: BaseLoop) -> Any:
        """Validate; where a stop signal ends the workers, leave it to the resumed run."""
        try:
            return type(loop).run(loop)
        except RuntimeError:
            if not self._lost_its_workers():
                raise
        runner = loop.runner
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):  # which has put the average in place of the weights
                hook.after_val_epoch(runner)
        if self._can_save_after(runner) and not self._stop_signal.nothing_to_save:
            runner.message_hub.update_info(VALIDATION_DUE, True)
            self._save_between_iterations(runner)
        self._stop(runner, runner.iter, together=False)

    def _lost_its_workers(self) -> bool:
        """Whether an error of the data loader comes from a signal to all processes."""
        return self._stop_signal is not None and self._stop_signal.arrived

    def before_train(self, runner: Runner) -> None:
        """Choose atomic writing, clear what a killed run left, and make up what it missed."""
        self._set_all_saved(True)
        super().before_train(runner)
        loop = runner.train_loop
        if self._stop_signal and isinstance(loop, IterBasedTrainLoop):
            stop = partial(self._save_and_stop, runner)
            batches = loop.dataloader_iterator
            loop.dataloader_iterator = _LoaderOfStoppedRun(batches, self._stop_signal, stop)
        if runner._resume:
            self._make_up_validation(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._set_all_saved(True)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any | None = None
    ) -> None:
        """Note that from here on there is something to save."""
        self._set_all_saved(False)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save if due, and stop if asked to."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            if batch_idx + 1 < len(runner.train_dataloader):
                self._stop(runner, runner.iter + 1)
        elif gradients_are_applied(runner):
            if not self._stop_signal.nothing_to_save:
                self._save_checkpoint(runner)
            self._stop(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save if due, and stop if asked to."""
        super().after_train_epoch(runner)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            if self.by_epoch and not self._stop_signal.nothing_to_save:
                self._save_checkpoint(runner)
            self._stop(runner, runner.iter)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Save the best checkpoint, and stop if asked to."""
        super().after_val_epoch(runner, metrics)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if self._can_save_after(runner):
            self._save_and_stop(runner)

    def _can_save_after(self, runner: Runner) -> bool:
        """Whether a checkpoint between two iterations (or epochs) is one to resume from."""
        at_its_end = isinstance(runner.train_loop, EpochBasedTrainLoop) == self.by_epoch
        return at_its_end and gradients_are_applied(runner)

    def _save_and_stop(self, runner: Runner) -> NoReturn:
        """Stop where the loop has counted the last iteration (or epoch) already."""
        if not self._stop_signal.nothing_to_save and gradients_are_applied(runner):
            runner.message_hub.update_info(VALIDATION_DUE, False)
            self._save_between_iterations(runner)
        self._stop(runner, runner.iter)

    def _set_all_saved(self, saved: bool) -> None:
        if self._stop_signal is not None:
            self._stop_signal.nothing_to_save = saved

    def _stop(self, runner: Runner, iteration: int, together: bool = True) -> NoReturn:
        if together:
            barrier()  # nobody leaves while rank 0 is still writing
        runner.logger.warning(
            f'Stopped on request after iteration {iteration}. '
            f'Resume from {self.last_ckpt or "the start: no checkpoint was written yet"}.'
        )
        raise SystemExit(StopSignal.EXIT_STATUS)


class _LoaderOfStoppedRun:
    """Saves and stops where a stop signal has ended data workers of any process as well."""

    def __init__(self, batches: Iterator[Any], stop_signal: StopSignal, stop: Callable) -> None:
        self._batches = batches
        self._stop_signal = stop_signal
        self._stop = stop

    def __iter__(self) -> '_LoaderOfStoppedRun':
        return self

    def __next__(self) -> Any:
        batch, lost = None, False
        try:
            batch = next(self._batches)
        except RuntimeError:
            if not self._stop_signal.arrived:
                raise
            lost = True
        if in_any_process(lost):  # the others would wait for its gradients
            self._stop()
        return batch
