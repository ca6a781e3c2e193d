# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.testing import run_in_two_processes
from mmdiffrep.utils.gather import gather_rows


def test_single_process_keeps_its_rows():
    rows = torch.randn(3, 2)
    assert gather_rows(rows) is rows


def work(rank, folder):
    rows = torch.full((2, 1), float(rank), requires_grad=True)
    gathered = gather_rows(rows)
    # Each rank weighs all rows by its own numbers.
    (gathered[:, 0] * torch.arange(4) * 10**rank).sum().backward()
    torch.save((gathered.detach(), rows.grad), f'{folder}/{rank}.pth')


def test_gradients_come_back_from_all_ranks(tmp_path):
    run_in_two_processes(work, str(tmp_path))
    for rank, gradient in enumerate([[0.0, 11.0], [22.0, 33.0]]):
        gathered, grad = torch.load(tmp_path / f'{rank}.pth')
        assert gathered.flatten().tolist() == [0, 0, 1, 1]
        assert grad.flatten().tolist() == gradient
