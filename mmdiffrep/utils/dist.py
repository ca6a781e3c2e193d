# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Several processes on machines without an accelerator.

mmengine's launchers select a CUDA device whatever the backend, and its default model wrapper wants
a device id, so both fail on a CPU. A process group that exists already is left alone by the runner.
"""

import os
import subprocess

import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device

DEFAULT_PORT = '29500'
# Where each launcher tells a process its place: RANK, WORLD_SIZE, LOCAL_RANK.
PLACES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'OMPI_COMM_WORLD_LOCAL_RANK',
    ),
}


def setup_dist(cfg: Config, launcher: str) -> None:
    """Prepare a distributed run on CPUs; with an accelerator mmengine does it and nothing happens.

    Starts a gloo process group and sets ``cfg.model_wrapper_cfg`` so that the runner wraps the
    model without a device id. To be called before the runner is built.

    Args:
        cfg: The run's config, changed in place.
        launcher: 'none', 'pytorch' (torchrun), 'slurm' or 'mpi'.

    Raises:
        RuntimeError: The launcher's environment variables are not there.
    """
    if launcher == 'none' or get_device() != 'cpu':
        return
    # The same as mmengine's own default, except for the device.
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {})
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
    if dist.is_initialized():
        return
    os.environ.update(_rendezvous(launcher))
    dist.init_process_group('gloo')


def close_dist() -> None:
    """Leave the process group together, at the end of a run that succeeded.

    A rank that exits while another still talks to it can bring that one down with an error.
    """
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _rendezvous(launcher: str) -> dict[str, str]:
    """Return the rendezvous variables of torch, from those of the launcher."""
    names = PLACES[launcher]
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise RuntimeError(
            f'--launcher {launcher} needs the environment variables {", ".join(names)}; '
            f'{", ".join(missing)} not set. Start the run with tools/dist_train.sh (torchrun) or '
            'tools/slurm_train.sh, or leave --launcher out for a single process.'
        )
    rank, world_size, local_rank = (os.environ[name] for name in names)
    address = os.environ.get('MASTER_ADDR') or _first_host(launcher)
    return {
        'RANK': rank,
        'WORLD_SIZE': world_size,
        'LOCAL_RANK': local_rank,
        'MASTER_ADDR': address,
        'MASTER_PORT': os.environ.get('MASTER_PORT', DEFAULT_PORT),
    }


def _first_host(launcher: str) -> str:
    if launcher == 'slurm':
        hosts = ['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']]
        return subprocess.run(hosts, capture_output=True, text=True, check=True).stdout.split()[0]
    return '127.0.0.1'
