# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A frozen network whose weights are shared among the processes of a run, by PyTorch's FSDP2."""

import torch
import torch.distributed.fsdp
from torch.distributed.device_mesh import init_device_mesh

from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.precision import fastest_dtype


def shard_weights(model: FeatureModel, device: torch.device, precision: str | None = None) -> None:
    """Keep a part of the weights in each process, and gather those of a block when it runs.

    All processes then have to run the same number of passes. Features are the same.

    Args:
        model: A frozen denoiser, or a latent model around one, on the CPU.
        device: Where this process computes.
        precision: What the network computes in, see
            :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.

    Raises:
        RuntimeError: The run has no processes (``torch.distributed`` is not initialized), or
            PyTorch is older than 2.6.
    """
    fully_shard = getattr(torch.distributed.fsdp, 'fully_shard', None)
    if fully_shard is None:
        raise RuntimeError(f'shard=True needs PyTorch 2.6 or newer, this is {torch.__version__}.')
    if not torch.distributed.is_initialized():
        raise RuntimeError(
            'shard=True shares the weights among the processes of a run, and this run has one: '
            'start it with torchrun (tools/dist_train.sh), or leave shard out.'
        )
    denoiser = model if isinstance(model, Denoiser) else model.network  # a latent model's
    if precision in (None, 'auto') and device.type != 'cpu':  # decided there, cast here
        precision = str(fastest_dtype(device)).removeprefix('torch.')
        denoiser.compute_in(precision)
    denoiser.settle_precision()
    for weight in denoiser.network.parameters():
        weight.data = weight.data.contiguous()  # FSDP shards no other layout
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    parts = dict(denoiser.network.named_modules())
    for path in denoiser.units:
        if path in parts and next(parts[path].parameters(), None) is not None:
            fully_shard(parts[path], mesh=mesh)
    fully_shard(denoiser.network, mesh=mesh)
