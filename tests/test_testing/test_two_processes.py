# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import time

import pytest
import torch
from torch import distributed, multiprocessing

from mmdiffrep.testing import run_in_two_processes


def test_both_ranks_work_in_one_group(tmp_path):
    def work(rank, folder, value):
        place = [os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')]
        assert place == [str(rank), str(rank), '2'] and distributed.get_rank() == rank
        total = torch.tensor(value * 10**rank)
        distributed.all_reduce(total)
        (folder / f'{rank}.txt').write_text(str(total.item()))

    before = dict(os.environ)
    run_in_two_processes(work, tmp_path, 3)
    assert [(tmp_path / f'{rank}.txt').read_text() for rank in (0, 1)] == ['33', '33']
    assert not distributed.is_initialized() and dict(os.environ) == before


def test_an_error_in_one_process_ends_both():
    def work(rank):
        if rank == 1:
            raise ValueError('only here')
        time.sleep(600)  # ended long before

    with pytest.raises(multiprocessing.ProcessRaisedException, match='only here'):
        run_in_two_processes(work)
