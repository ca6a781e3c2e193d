# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Write the backbone of a run as a file of its own, whenever a checkpoint is written."""

import io
import os.path as osp
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import of_type

# Weights of a LibraryBackbone are written under the library's own names.
_PREFIXES = ('backbone.network.', 'backbone.')


@HOOKS.register_module()
class ExportBackboneHook(Hook):
    """Write the weights of ``model.backbone`` as a plain state dict.

    Its names are those of the backbone alone, so that it is loaded by
    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` of the backbone in any host, and by
    ``load_state_dict`` in PyTorch. The file is replaced at every save, before the checkpoint is
    written: a killed run leaves a whole one.

    Args:
        filename: Name inside the work dir. Defaults to ``'student.pth'``.
    """

    priority = 'LOW'  # after hooks that exchange weights for averaged ones

    def __init__(self, filename: str = 'student.pth') -> None:
        if not of_type('filename', filename, str):
            raise ValueError("filename must be a name inside the work directory, got ''.")
        self.filename = filename

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Write the file; the first process alone saves checkpoints."""
        path = osp.join(runner.work_dir, self.filename)
        with io.BytesIO() as buffer:
            torch.save(backbone_weights(checkpoint['state_dict']), buffer)
            write_atomically(buffer.getvalue(), path)


def backbone_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of the backbone under its own names.

    Args:
        state: State dict of a model with a ``backbone``.

    Raises:
        ValueError: There are none.
    """
    for prefix in _PREFIXES:
        weights = {
            name.removeprefix(prefix): value
            for name, value in state.items()
            if name.startswith(prefix)
        }
        if weights:
            return weights
    raise ValueError('the model has no backbone.* weights to export')
