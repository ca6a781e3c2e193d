# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import socket

import torch
from torch import distributed, multiprocessing

from mmdiffrep.utils.gather import gather_rows


def test_single_process_keeps_its_rows():
    rows = torch.randn(3, 2)
    assert gather_rows(rows) is rows


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def work(rank, port, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    distributed.init_process_group('gloo', rank=rank, world_size=2)
    rows = torch.full((2, 1), float(rank), requires_grad=True)
    gathered = gather_rows(rows)
    # Each rank weighs all rows by its own numbers.
    (gathered[:, 0] * torch.arange(4) * 10**rank).sum().backward()
    torch.save((gathered.detach(), rows.grad), f'{folder}/{rank}.pth')
    distributed.destroy_process_group()


def test_gradients_come_back_from_all_ranks(tmp_path):
    args = (free_port(), str(tmp_path))
    multiprocessing.start_processes(work, args, nprocs=2, start_method='fork')
    for rank, gradient in enumerate([[0.0, 11.0], [22.0, 33.0]]):
        gathered, grad = torch.load(tmp_path / f'{rank}.pth')
        assert gathered.flatten().tolist() == [0, 0, 1, 1]
        assert grad.flatten().tolist() == gradient
