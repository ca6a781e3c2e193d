# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two gloo processes share a sweep and give the result of one."""

import os
import socket

import torch
from torch import distributed, multiprocessing

from mmdiffrep.analysis import ImageSource, StoredSplit, diffusion_grid, sweep
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.measures import ProbeTraining
from mmdiffrep.testing import tiny_teacher


def result_of(config, root):
    torch.manual_seed(0)
    model = diffusion_grid(load_denoiser(tiny_teacher()), ['mid'], [0, 15], pools=(1, 2))
    splits = [StoredSplit(ImageSource(config, split), [model], root) for split in ('train', 'test')]
    results = sweep([model], *splits, 2, ProbeTraining(epochs=1, min_steps=0), 0.25)
    return [(result.cell, result.held_out.tolist(), result.test.tolist()) for result in results]


def work(rank, port, folder, config):
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
    )
    distributed.init_process_group('gloo')
    (folder / f'rank{rank}.txt').write_text(repr(result_of(config, folder / 'two')))
    distributed.barrier()
    distributed.destroy_process_group()


def test_two_processes_give_the_result_of_one(face_config, tmp_path):
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        port = sock.getsockname()[1]
    args = (port, tmp_path, face_config())
    multiprocessing.start_processes(work, args, nprocs=2, start_method='fork')
    one = repr(result_of(face_config(), tmp_path / 'one'))
    assert [(tmp_path / f'rank{rank}.txt').read_text() for rank in (0, 1)] == [one, one]
