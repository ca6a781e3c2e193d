# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Run a function in two processes of one gloo group."""

import os
import socket
from collections.abc import Callable

import torch
from torch import distributed, multiprocessing

from mmdiffrep.utils.dist import close_dist


def run_in_two_processes(work: Callable[..., None], *args: object) -> None:
    """Run a function in two processes of one gloo group and wait for their end.

    The processes are forks of this one, so any function and any arguments do. Each computes on one
    thread and has the environment variables that torchrun sets. When one fails, the other is ended.

    Args:
        work: Called in each process with the rank, 0 or 1, and ``args``.
        *args: What else the function is given.

    Raises:
        torch.multiprocessing.ProcessRaisedException: The function raised an error in a process.
    """
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        port = sock.getsockname()[1]
    multiprocessing.start_processes(
        _work_in_group, (port, work, args), nprocs=2, start_method='fork'
    )


def _work_in_group(
    rank: int, port: int, work: Callable[..., None], args: tuple[object, ...]
) -> None:
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
    )
    distributed.init_process_group('gloo')
    work(rank, *args)
    close_dist()
