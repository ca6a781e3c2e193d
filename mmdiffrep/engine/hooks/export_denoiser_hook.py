# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hand a trained diffusion model over as a diffusers folder."""

import os.path as osp

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdiffrep.diffusion.checkpoints import as_dtype
from mmdiffrep.engine.averaged_model import averaged_model, require_method
from mmdiffrep.registry import HOOKS


@HOOKS.register_module()
class ExportDenoiserHook(Hook):
    """Write the averaged weights as ``work_dir/<folder>`` for diffusers and ``load_denoiser``.

    Args:
        interval: Iterations between two exports; the last iteration always gives one. Each replaces
            the one before. Defaults to -1 (at the end only).
        folder: Name of the folder inside the work dir. Defaults to ``'denoiser'``.
        dtype: Name of the stored dtype. Defaults to ``'float16'``.
    """

    priority = 'LOW'  # after EMAHook, which is NORMAL

    def __init__(
        self, interval: int = -1, folder: str = 'denoiser', dtype: str = 'float16'
    ) -> None:
        self.interval = interval
        self.folder = folder
        self.dtype = as_dtype(dtype)

    def before_train(self, runner: Runner) -> None:
        """Check that the model can be exported."""
        require_method(runner, 'save_pretrained', type(self).__name__)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Write the folder when the interval has passed."""
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            self._export(runner)

    @master_only
    def _export(self, runner: Runner) -> None:
        folder = osp.join(runner.work_dir, self.folder)
        averaged_model(runner).save_pretrained(folder, dtype=self.dtype)
        runner.logger.info(f'exported the denoiser of iteration {runner.iter + 1} to {folder}')
