# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Export a trained diffusion model as a diffusers folder."""

import errno
import os.path as osp

from mmengine.dist import master_only
from mmengine.runner import Runner
from safetensors import SafetensorError

from mmdiffrep.diffusion.weights import as_dtype
from mmdiffrep.engine.averaged_model import averaged_model, require_method
from mmdiffrep.engine.hooks.interval_hook import IntervalHook
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import replace_files
from mmdiffrep.utils.checks import integer, of_type


@HOOKS.register_module()
class ExportDenoiserHook(IntervalHook):
    """Write the averaged weights as ``work_dir/<folder>`` for diffusers and ``load_denoiser``.

    Args:
        interval: Iterations between two exports; there is always one at the last iteration. Each
            replaces the files of the one before. Defaults to -1 (at the end only).
        folder: Name of the folder inside the work dir. Defaults to ``'denoiser'``.
        dtype: Name of the stored dtype. Defaults to ``'float16'``.

    Raises:
        TypeError, ValueError: An option of another type or out of its range.
        OSError: While training: the folder cannot be written. The files of the export before are
            intact.
    """

    def __init__(
        self, interval: int = -1, folder: str = 'denoiser', dtype: str = 'float16'
    ) -> None:
        self.interval = integer('interval', interval, -1)
        if not of_type('folder', folder, str):
            raise ValueError("folder must be a name inside the work directory, got ''.")
        self.folder = folder
        self.dtype = as_dtype(dtype)

    def before_train(self, runner: Runner) -> None:
        """Check that the model can be exported."""
        require_method(runner, 'save_pretrained', type(self).__name__)

    @master_only
    def act(self, runner: Runner) -> None:
        """Write the folder."""
        folder = osp.join(runner.work_dir, self.folder)
        try:
            with replace_files(folder) as temporary:
                averaged_model(runner).save_pretrained(str(temporary), dtype=self.dtype)
        except (OSError, SafetensorError) as error:
            raise OSError(
                getattr(error, 'errno', None) or errno.EIO,
                f'Could not export the denoiser to {folder}: {error}. Free some space or make the '
                'folder writable, then resume',
            ) from error
        runner.logger.info(f'Exported the denoiser of iteration {runner.iter + 1} to {folder}.')
