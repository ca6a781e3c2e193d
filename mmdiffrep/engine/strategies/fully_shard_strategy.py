# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A trained model whose weights are shared among the processes of a run, by PyTorch's FSDP2.

mmengine's own ``FSDPStrategy`` wraps the model in FSDP1, which needs an accelerator and renames
the layers. FSDP2 leaves the model's class, names and hooks as they are.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import mmengine
from mmengine._strategy import DDPStrategy
from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.runner.checkpoint import save_checkpoint
from mmengine.utils import apply_to
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from mmdiffrep.registry import STRATEGIES
from mmdiffrep.utils.checks import of_type
from mmdiffrep.utils.near_names import did_you_mean


@STRATEGIES.register_module()
class FullyShardStrategy(DDPStrategy):
    """Keep a part of weights, gradients and optimizer state in each process.

    Checkpoints are those of a whole model and its optimizer: they resume with any number of
    processes, with this strategy or without.

    Args:
        blocks (sequence of str): Paths of modules, such as ``'backbone.layer1'``, whose weights
            are gathered when they run and given back afterwards. The host has to call them as
            modules; of what it calls by other methods, such as the ``loss`` of a head, the
            weights must stay with the rest. Defaults to ``()``: all weights are gathered for the
            whole pass.
        **kwargs: Of mmengine's ``DDPStrategy``, such as ``sync_bn``.

    Raises:
        ValueError: The model has no such module.
        RuntimeError: The run has one process.
    """

    def __init__(self, *, blocks: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = tuple(of_type('blocks', blocks, list, tuple))

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        if not self.distributed:
            raise RuntimeError(
                'FullyShardStrategy shares the weights among the processes of a run, and this run '
                'has one: start it with tools/dist_train.sh, or leave the strategy out.'
            )
        model = self.convert_model(model.to(get_device()))
        for weight in model.parameters():
            weight.data = weight.data.contiguous()  # FSDP shards no other layout
        mesh = init_device_mesh(get_device(), (self.world_size,))
        parts = dict(model.named_modules())
        for path in self.blocks:
            if path not in parts:
                raise ValueError(f'blocks: no module {path!r}.{did_you_mean(path, parts)}')
            fully_shard(parts[path], mesh=mesh)
        return fully_shard(model, mesh=mesh)

    # -- checkpoints -------------------------------------------------------------------------

    def model_state_dict(self) -> dict[str, Any]:
        """Return the whole weights, in the main process."""
        state = self.model.state_dict()
        return _with_versions(_gathered(state), state)

    def optim_state_dict(self) -> dict[str, Any]:
        """Return the whole state of the optimizer, in the main process."""
        return _gathered(super().optim_state_dict())

    def load_model_state_dict(
        self,
        state_dict: dict[str, Any],
        *,
        strict: bool = False,
        revise_keys: Sequence[tuple[str, str]] = ((r'^module.', ''),),
    ) -> None:
        """Load whole weights."""
        own, parts = self.model.state_dict(), OrderedDict()
        for key, value in state_dict.items():
            for pattern, replacement in revise_keys:
                key = re.sub(pattern, replacement, key)
            parts[key] = _part_of(value, own.get(key))
        parts = _with_versions(parts, state_dict)
        super().load_model_state_dict(parts, strict=strict, revise_keys=[])

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the whole state of an optimizer."""
        groups = self.optim_wrapper.param_groups
        params = [param for group in groups for param in group['params']]
        state = {
            index: {key: _part_of(value, params[index]) for key, value in values.items()}
            for index, values in state_dict['state'].items()
        }
        super().load_optim_state_dict({**state_dict, 'state': state})

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        extra_ckpt: dict[str, Any] | None = None,
        callback: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        """Write what a run without shards would; all processes take part, the main one writes."""
        checkpoint = dict(extra_ckpt or {}, state_dict=self.model_state_dict())
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            checkpoint['optimizer'] = self.optim_state_dict()
        if save_param_scheduler and hasattr(self, 'param_schedulers'):
            checkpoint['param_schedulers'] = self.scheduler_state_dict()
        now = time.strftime('%Y%m%d_%H%M%S', time.localtime())
        known = dict(seed=self.seed, time=now, mmengine=mmengine.__version__)
        checkpoint['meta'] = {**checkpoint.get('meta', {}), **known}
        if callback is not None:
            callback(checkpoint)
        if is_main_process():
            local = isinstance(get_file_backend(filename), LocalBackend)
            backend = dict(backend='atomic_local') if local else None
            save_checkpoint(checkpoint, filename, backend_args=backend)
        barrier()


def _gathered(state: dict[str, Any]) -> dict[str, Any]:
    """Replace shards by whole tensors on the CPU; elsewhere than in the main process, by nothing.

    One tensor at a time, so that memory holds one whole tensor besides the shards.
    """

    def gather(shard: DTensor) -> Tensor:
        whole = shard.detach().full_tensor()
        return whole.cpu() if is_main_process() else whole.new_empty(0)

    return apply_to(state, lambda value: isinstance(value, DTensor), gather)


def _with_versions(state: Any, original: Any) -> Any:
    """Copy the modules' versions, which PyTorch keeps in an attribute, and return the state."""
    state._metadata = getattr(original, '_metadata', OrderedDict())
    return state


def _part_of(value: Any, own: Any) -> Any:
    """Return this process's part of a whole tensor, if what it is loaded into is sharded."""
    if isinstance(own, DTensor) and isinstance(value, Tensor) and value.shape == own.shape:
        return distribute_tensor(value.to(own.device), own.device_mesh, own.placements)
    return value
