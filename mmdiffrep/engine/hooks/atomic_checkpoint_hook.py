# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmengine's checkpoint hook, made to survive a process that dies at any moment."""

import difflib
import hashlib
import inspect
import io
import os.path as osp
from collections.abc import Iterable
from typing import Any

import torch
from mmengine.dist import barrier, is_main_process, master_only
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.plain_state import from_plain, to_plain
from mmdiffrep.utils.stop_signal import StopSignal

_ATOMIC = dict(backend='atomic_local')


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """``CheckpointHook`` whose files appear complete or not at all.

    A drop-in: takes all of its options and writes files of the same names and keys, which plain
    mmengine, mmseg, mmpose and mmpretrain load. What differs:

    - Checkpoints, best checkpoints, published ones and ``last_checkpoint`` are written under a
      temporary name, brought to the disk and renamed. Killed at any moment, a run leaves its
      earlier checkpoint intact; leftovers are removed at the next start.
    - The new file and ``last_checkpoint`` are in place before an old one is removed, so there must
      be room for one checkpoint more than ``max_keep_ckpts``.
    - Files load with ``torch.load(weights_only=True)``, also to resume: the message hub's history
      and NumPy arrays are stored as tensors and lists (:mod:`mmdiffrep.utils.plain_state`).
    - On SIGTERM the current iteration is finished, a checkpoint saved, and the process exits with
      status 143 (128 + 15). With gradient accumulation it goes on until the optimizer has stepped.
      Under an epoch-based loop no checkpoint is written inside an epoch, as mmengine could only
      resume at the epoch's start: the run then stops at once and resumes from its last one.
      Where the signal also reaches the data loader's workers (a whole process group), they die; if
      the run waits for them at that moment, it ends with their error and without this last save.

    Remote ``out_dir`` or ``backend_args`` work as in mmengine, with that storage's own guarantees.

    Args:
        *args: As in ``mmengine.hooks.CheckpointHook``.
        save_on_sigterm: Handle SIGTERM (inside a Slurm job SIGUSR1 too, for ``--signal=USR1@120``)
            as above; otherwise it ends the process at once.
        **kwargs: As in ``mmengine.hooks.CheckpointHook``.

    Raises:
        TypeError: An option does not exist.
        OSError: While saving: the disk is full or not writable. Older checkpoints are intact.
        TypeError: While saving: the model or a hook put something into the checkpoint that is
            neither a tensor nor plain data.
    """

    def __init__(self, *args: Any, save_on_sigterm: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.args:  # the parent class keeps what it does not know, and fails at the first save
            raise TypeError(_unknown_option(next(iter(self.args))))
        self._stop_signal = StopSignal() if save_on_sigterm else None

    def before_train(self, runner: Runner) -> None:
        """Choose atomic writing for local paths and clear what a killed run left."""
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
        self._remove_outdated_best(runner, runner.message_hub.get_info('outdated_best', []))
        if self._stop_signal is not None:
            self._stop_signal.listen()

    def after_train(self, runner: Runner) -> None:
        """Publish as mmengine does, and give the signals back."""
        super().after_train(runner)
        if self._stop_signal is not None:
            self._stop_signal.release()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint plain, after the other hooks have added theirs."""
        for key, value in checkpoint.items():
            checkpoint[key] = to_plain(value, arrays_as_lists=key == 'meta', where=f'{key!r}')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Turn the plain state back into what mmengine expects."""
        for key, value in checkpoint.items():
            checkpoint[key] = from_plain(value)
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
        saved_before = self.last_ckpt
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            if batch_idx + 1 < len(runner.train_dataloader):
                self._stop(runner)
        elif _gradients_are_applied(runner):
            if self.last_ckpt == saved_before:
                self._save_checkpoint(runner)
            self._stop(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save if due, and stop if asked to."""
        saved_before = self.last_ckpt
        super().after_train_epoch(runner)
        if self._stop_signal is None or not self._stop_signal.received():
            return
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            if self.by_epoch and self.last_ckpt == saved_before:
                self._save_checkpoint(runner)
            self._stop(runner)

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
            write_atomically(self.last_ckpt.encode(), osp.join(runner.work_dir, 'last_checkpoint'))
        for step in outdated:
            name = self.filename_tmpl.format(step)
            self._remove(self.file_backend.join_path(self.out_dir, name))
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        """As mmengine's, but the previous best goes only when the new one is complete."""
        if not self.save_best:
            return
        # The parent class removes a best file that it knows before it writes the new one, so it
        # must not know. The checkpoint lists them in case the run is killed before the removal.
        previous = self._best_paths()
        self._set_best_paths(dict.fromkeys(previous))
        runner.message_hub.update_info(
            'outdated_best', [path for path in previous.values() if path]
        )
        super()._save_best_checkpoint(runner, metrics)
        current = {key: path or previous[key] for key, path in self._best_paths().items()}
        self._set_best_paths(current)
        self._remove_outdated_best(runner, previous.values())

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
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    def _remove_outdated_best(self, runner: Runner, paths: Iterable[str | None]) -> None:
        for path in set(paths) - set(self._best_paths().values()):
            if path:
                self._remove(path)
        runner.message_hub.update_info('outdated_best', [])

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

    def _stop(self, runner: Runner) -> None:
        barrier()  # nobody leaves while rank 0 is still writing
        runner.logger.warning(
            f'Stopped on request after iteration {runner.iter + 1}. '
            f'Resume from {self.last_ckpt or "the start: no checkpoint was written yet"}.'
        )
        self._stop_signal.release()
        raise SystemExit(StopSignal.EXIT_STATUS)


def _unknown_option(name: str) -> str:
    known = list(inspect.signature(CheckpointHook.__init__).parameters)[1:]
    near = difflib.get_close_matches(name, [*known, 'save_on_sigterm'])
    hint = f' Did you mean {near[0]!r}?' if near else ''
    return f'AtomicCheckpointHook has no option {name!r}.{hint}'


def _gradients_are_applied(runner: Runner) -> bool:
    """Whether no accumulated gradient waits for the next iteration; it would not be saved."""
    wrapper = runner.optim_wrapper
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return all(wrapper.should_update() for wrapper in wrappers)
