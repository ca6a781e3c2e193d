# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Fine-tune a head before the backbone under it."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from mmdiffrep.models.layer_taps import find_module
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import list_of, within


@HOOKS.register_module()
class FreezeFirstHook(Hook):
    """Leave the weights of some layers as they are for the first part of a run.

    A random head sends large, random gradients into a backbone that was distilled before. The
    layers' running statistics follow the data from the start. Gradients are dropped before the
    optimizer's step, so that DDP sees the same parameters all along.

    Args:
        layers (sequence of str): Dotted paths of submodules. Defaults to ``('backbone',)``.
        until (float): Share of the run after which they are trained, in (0, 1]; 1: never.
            Defaults to 0.3.
    """

    def __init__(self, layers: Sequence[str] = ('backbone',), until: float = 0.3) -> None:
        self.layers = tuple(list_of('layers', layers, str))
        self.until = within('until', until, 0, 1, open_low=True)
        self._frozen: list[nn.Parameter] = []
        self._active = False
        self._handle: RemovableHandle | None = None

    def before_train(self, runner: Runner) -> None:
        """Find the layers.

        Raises:
            ValueError: There is no such layer.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        modules = [find_module(model, layer) for layer in self.layers]
        self._frozen = [parameter for module in modules for parameter in module.parameters()]
        optimizer = runner.optim_wrapper.optimizer
        self._handle = optimizer.register_step_pre_hook(self._drop_gradients)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Note whether the layers are frozen in this iteration."""
        self._active = self.until == 1 or runner.iter < self.until * runner.max_iters

    def _drop_gradients(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._active:
            for parameter in self._frozen:
                parameter.grad = None

    def after_train(self, runner: Runner) -> None:
        """Leave the optimizer as it was."""
        if self._handle is not None:
            self._handle.remove()
