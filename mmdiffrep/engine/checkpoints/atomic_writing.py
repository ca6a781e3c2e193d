# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmengine's checkpoint hook, whose files appear complete or not at all."""

import hashlib
import io
import os.path as osp
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process, master_only
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner

from mmdiffrep.engine.resume_checks import check_resumable, log_changes
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.find_checkpoints import POINTER
from mmdiffrep.utils.plain_state import from_plain, to_plain

_ATOMIC = dict(backend='atomic_local')


class AtomicWriting(CheckpointHook):
    """Writes plain checkpoints atomically, and removes an old one after the new one is in place."""

    def before_train(self, runner: Runner) -> None:
        """Choose atomic writing, and clear what a killed run left."""
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
        if runner._resume:
            self._resume_files(runner)

    def _resume_files(self, runner: Runner) -> None:
        """Take over which files the run has; its folder may have been moved or copied."""
        last = runner.message_hub.get_info('last_ckpt')
        self.last_ckpt = last and self._in_own_folder(last)

    def _in_own_folder(self, path: str) -> str:
        own, exists = self._own_path(path), self.file_backend.exists
        return path if exists(path) and not exists(own) else own

    def _own_path(self, path: str) -> str:
        return self.file_backend.join_path(self.out_dir, osp.basename(path))

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

    def _save_between_iterations(self, runner: Runner) -> None:
        """Write a checkpoint when the loop has counted the last iteration (or epoch) already."""
        step = runner.epoch if self.by_epoch else runner.iter
        self._save_checkpoint_with_step(runner, step, dict(epoch=runner.epoch, iter=runner.iter))

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
