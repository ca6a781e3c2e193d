# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmengine's checkpoint hook, made to survive a process that dies at any moment."""

import bisect
import hashlib
import inspect
import io
import os.path as osp
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, NoReturn

import torch
from mmengine.dist import barrier, get_world_size, is_main_process, master_only
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdiffrep.engine.resume_checks import check_resumable, log_changes
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.checkpoint_io import POINTER, ensure_safe_loader, load_checkpoint_file
from mmdiffrep.utils.checks import did_you_mean, integer, of_type
from mmdiffrep.utils.folder_lock import only_run_in
from mmdiffrep.utils.pixel_checks import check_inputs
from mmdiffrep.utils.plain_state import from_plain, to_plain
from mmdiffrep.utils.stop_signal import StopSignal, in_any_process

_ATOMIC = dict(backend='atomic_local')
# What a checkpoint's message hub says of the run's position beyond mmengine's. mmengine's log shows
# all that begins with train, val or test.
_VALIDATION_DUE = 'awaits_validation'
_OUTDATED_BEST = 'outdated_best'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
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
            runner.message_hub.update_info(_VALIDATION_DUE, True)
            self._save_between_iterations(runner)
        self._stop(runner, runner.iter, together=False)

    def _lost_its_workers(self) -> bool:
        """Whether an error of the data loader comes from a signal to all processes."""
        return self._stop_signal is not None and self._stop_signal.arrived

    def before_train(self, runner: Runner) -> None:
        """Choose atomic writing, clear what a killed run left, and make up what it missed."""
        self._set_all_saved(True)
        self._writes_locally = (
            self.backend_args in (None, _ATOMIC)
            and self.file_client_args is None
            and isinstance(get_file_backend(self.out_dir or runner.work_dir), LocalBackend)
        )
        if self._writes_locally:
            self.backend_args = _ATOMIC
        super().before_train(runner)
        if self._writes_locally and is_main_process():
            for folder in {self.out_dir, runner.work_dir}:
                for name in remove_incomplete(folder):
                    runner.logger.info(f'Removed {name} from {folder}: its writing was cut off.')
        loop = runner.train_loop
        if self._stop_signal and isinstance(loop, IterBasedTrainLoop):
            stop = partial(self._save_and_stop, runner)
            batches = loop.dataloader_iterator
            loop.dataloader_iterator = _LoaderOfStoppedRun(batches, self._stop_signal, stop)
        if runner._resume:
            self._resume_files(runner)
            self._make_up_validation(runner)

    def _resume_files(self, runner: Runner) -> None:
        """Take over which files the run has; its folder may have been moved or copied."""
        last = runner.message_hub.get_info('last_ckpt')
        self.last_ckpt = last and self._in_own_folder(last)
        best = self._best_paths().items()
        self._set_best_paths({key: path and self._in_own_folder(path) for key, path in best})
        self._remove_outdated_best(runner)

    def _in_own_folder(self, path: str) -> str:
        own, exists = self._own_path(path), self.file_backend.exists
        return path if exists(path) and not exists(own) else own

    def _own_path(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, osp.basename(path))

    def _make_up_validation(self, runner: Runner) -> None:
        """Validate if the run was ended between this checkpoint and the validation due after it."""
        if runner.message_hub.get_info(_VALIDATION_DUE, False) and runner.val_loop is not None:
            runner.logger.info(
                f'The run was ended before the validation after iteration {runner.iter}: '
                'validating now.'
            )
            runner.val_loop.run()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any | None = None
    ) -> None:
        """Note that from here on there is something to save."""
        self._set_all_saved(False)

    def after_train(self, runner: Runner) -> None:
        """Publish as mmengine does."""
        self._remove_outdated_best(runner)
        super().after_train(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint plain, after the other hooks have added theirs."""
        checkpoint['meta']['world_size'] = get_world_size()
        for key, value in checkpoint.items():
            checkpoint[key] = to_plain(value, arrays_as_lists=key == 'meta', where=f'{key!r}')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Turn the plain state back into what mmengine expects; check it before a resume."""
        for key, value in checkpoint.items():
            checkpoint[key] = from_plain(value)
        if runner._resume:
            check_resumable(runner, checkpoint)
            log_changes(runner, checkpoint['meta'])
            checkpoint['meta'].pop('config', None)  # mmengine would execute it
        if isinstance(runner.optim_wrapper, (OptimWrapper, OptimWrapperDict)):
            self._recognize_dataset(runner, checkpoint.get('meta', {}))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Save if due, and stop if asked to."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            if batch_idx + 1 < len(runner.train_dataloader):
                self._stop(runner, runner.iter + 1)
        elif _gradients_are_applied(runner):
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
        return at_its_end and _gradients_are_applied(runner)

    def _save_and_stop(self, runner: Runner) -> NoReturn:
        """Stop where the loop has counted the last iteration (or epoch) already."""
        if not self._stop_signal.nothing_to_save and _gradients_are_applied(runner):
            runner.message_hub.update_info(_VALIDATION_DUE, False)
            self._save_between_iterations(runner)
        self._stop(runner, runner.iter)

    def _save_checkpoint(self, runner: Runner) -> None:
        """As mmengine's; the file knows whether a validation follows."""
        runner.message_hub.update_info(_VALIDATION_DUE, self._validation_follows(runner))
        super()._save_checkpoint(runner)

    def _validation_follows(self, runner: Runner) -> bool:
        """Whether the loop validates before the next iteration; as mmengine's loops decide it."""
        loop = runner.train_loop
        if runner.val_loop is None:
            return False
        if self.by_epoch and isinstance(loop, EpochBasedTrainLoop):
            done, end = runner.epoch + 1, loop.max_epochs
        elif not self.by_epoch and isinstance(loop, IterBasedTrainLoop):
            done, end = runner.iter + 1, loop.max_iters
        else:
            return False
        interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, done + 1) - 1]
        return done >= loop.val_begin and (done % interval == 0 or done == end)

    def _set_all_saved(self, saved: bool) -> None:
        if self._stop_signal is not None:
            self._stop_signal.nothing_to_save = saved

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        """As mmengine's, in the order: new file, ``last_checkpoint``, removal of an old one."""
        outdated: list[int] = []
        if self.max_keep_ckpts > 0 and (not self.keep_ckpt_ids or self.keep_ckpt_ids[-1] != step):
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = [self.keep_ckpt_ids[0]]
            self.keep_ckpt_ids.append(step)
            # The file names the outdated one too: a run killed before its removal removes it on
            # resuming, when mmengine trims this list.
            runner.message_hub.update_info('keep_ckpt_ids', [*outdated, *self.keep_ckpt_ids])

        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
        )
        if is_main_process():
            write_atomically(self.last_ckpt.encode(), osp.join(runner.work_dir, POINTER))
        for step in outdated:
            name = self.filename_tmpl.format(step)
            self._remove(self.file_backend.join_path(self.out_dir, name))
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._remove_outdated_best(runner)
        self._set_all_saved(True)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        """As mmengine's, but the previous best goes only when a checkpoint names the new one."""
        hub = runner.message_hub
        hub.update_info(_VALIDATION_DUE, False)
        if not self.save_best:
            return
        self._check_best_metrics(metrics)
        # The parent class removes a best file that it knows before it writes the new one, and
        # writes the checkpoint that names it before we know what is outdated: it must know neither.
        previous, last = self._best_paths(), self.last_ckpt
        self._set_best_paths(dict.fromkeys(previous))
        self.last_ckpt = None
        super()._save_best_checkpoint(runner, metrics)
        self.last_ckpt = last
        new = self._best_paths()
        current = {key: path or previous[key] for key, path in new.items()}
        self._set_best_paths(current)
        outdated = {*hub.get_info(_OUTDATED_BEST, []), *previous.values()}
        hub.update_info(_OUTDATED_BEST, sorted(outdated - {None, *current.values()}))
        if last is None:  # an interrupted run starts anew
            self._remove_outdated_best(runner)
        elif any(new.values()) and _gradients_are_applied(runner):
            self._save_between_iterations(runner)

    def _save_between_iterations(self, runner: Runner) -> None:
        """Write a checkpoint when the loop has counted the last iteration (or epoch) already."""
        step = runner.epoch if self.by_epoch else runner.iter
        self._save_checkpoint_with_step(runner, step, dict(epoch=runner.epoch, iter=runner.iter))

    def _check_best_metrics(self, metrics: dict[str, float]) -> None:
        for name in self.key_indicators:
            if name not in metrics and name != 'auto':
                raise ValueError(
                    f'AtomicCheckpointHook: save_best={name!r}, but the validation gave '
                    f'{", ".join(metrics)}.{did_you_mean(name, metrics)} After a resume with '
                    'another save_best, this validation is repeated first.'
                )

    @master_only
    def _publish_model(self, runner: Runner, ckpt_path: str) -> None:
        """As mmengine's, atomically; the name ends in the first digits of the file's SHA-256."""
        if not self._writes_locally:
            super()._publish_model(runner, ckpt_path)
            return
        checkpoint = load_checkpoint_file(ckpt_path)
        kept = {key: value for key, value in checkpoint.items() if key in self.published_keys}
        with io.BytesIO() as buffer:
            torch.save(kept, buffer)
            data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()[:8]
        published = f'{osp.splitext(ckpt_path)[0]}-{digest}.pth'
        write_atomically(data, published)
        runner.logger.info(f'Published {", ".join(kept)} of {ckpt_path} as {published}.')

    def _best_paths(self) -> dict[str, str | None]:
        """Best checkpoint per metric; mmengine keeps a single one under another name."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if not self.save_best:
            return
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    def _remove_outdated_best(self, runner: Runner) -> None:
        """Remove the best checkpoints that have a successor; never those of another folder."""
        for path in map(self._own_path, runner.message_hub.get_info(_OUTDATED_BEST, [])):
            if path not in self._best_paths().values():
                self._remove(path)
        runner.message_hub.update_info(_OUTDATED_BEST, [])

    @master_only
    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # DeepSpeed writes a folder
            self.file_backend.rmtree(path)

    def _recognize_dataset(self, runner: Runner, meta: dict[str, Any]) -> None:
        """Spare the warning of a changed data set where its meta information only became plain."""
        own = getattr(runner.train_dataloader.dataset, 'metainfo', None)
        if own is not None and meta.get('dataset_meta') == to_plain(own, arrays_as_lists=True):
            meta['dataset_meta'] = own

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


def _gradients_are_applied(runner: Runner) -> bool:
    """Whether no accumulated gradient waits for the next iteration; it would not be saved."""
    wrapper = runner.optim_wrapper
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return all(wrapper.should_update() for wrapper in wrappers)
