# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data workers that die of the SIGTERM that stops the run, or of something else."""

import multiprocessing
import os
import signal
import socket

import pytest
from mmengine.hooks import Hook
from torch import distributed

from mmdiffrep.testing.compare_runs import differing_entries
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint


def terminate_group():
    """As a scheduler does: the data workers get the signal too."""
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGTERM)
        worker.join()
    os.kill(os.getpid(), signal.SIGTERM)


class BetweenIterations(Hook):
    """Ends the group where the next thing is a batch."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 2:
            terminate_group()


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def one_of_two(rank, train, work_dir, port):
    address = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), LOCAL_RANK=str(rank))
    os.environ.update(address)
    distributed.init_process_group('gloo', rank=rank, world_size=2)
    hooks = [BetweenIterations()] if rank == 1 else []
    try:
        train(work_dir, hooks=hooks, num_workers=1, checkpoint=dict(interval=100))
    except SystemExit as stop:
        os._exit(stop.code)
    os._exit(0)


def test_dead_data_workers_do_not_keep_it_from_saving(train, checkpoints, tmp_path):
    options = dict(num_workers=1, checkpoint=dict(interval=100))
    with pytest.raises(SystemExit) as stop:
        train(tmp_path, hooks=[BetweenIterations()], **options)
    assert stop.value.code == 143
    assert checkpoints(tmp_path) != []


def test_dead_data_workers_of_one_process_stop_all(train, checkpoints, tmp_path):
    """The other one would wait for ever, for gradients of a batch that cannot be loaded."""
    args = (train, str(tmp_path / 'run'), free_port())
    ranks = [multiprocessing.Process(target=one_of_two, args=(rank, *args)) for rank in (0, 1)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
    assert [process.exitcode for process in ranks] == [143, 143]
    assert 'iter_3.pth' in checkpoints(tmp_path / 'run')


def test_dead_workers_of_a_validation_leave_it_to_the_resumed_run(train, tmp_path):
    hook = Hook()
    hook.before_val_iter = lambda runner, batch_idx, data_batch: terminate_group()
    options = dict(length=6, val_interval=3, checkpoint=dict(interval=4), val_workers=1)
    with pytest.raises(SystemExit) as stop:
        train(tmp_path / 'run', hooks=[hook], **options)
    assert stop.value.code == 143
    found = find_resume_checkpoint(tmp_path / 'run')
    assert found == str(tmp_path / 'run' / 'iter_3.pth')
    train(tmp_path / 'run', found, **options)
    train(tmp_path / 'undisturbed', **options)
    assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []


def test_dead_workers_of_an_epoch_leave_it_to_the_resumed_run(train, call_at, tmp_path):
    options = dict(by_epoch=True, length=2, num_workers=1, checkpoint=dict(interval=1))
    with pytest.raises(SystemExit) as stop:  # in the second epoch of 4 iterations
        train(tmp_path / 'run', hooks=[call_at(4, terminate_group)], **options)
    assert stop.value.code == 143
    assert find_resume_checkpoint(tmp_path / 'run').endswith('epoch_1.pth')


def test_a_worker_that_dies_of_something_else_is_an_error(train, call_at, tmp_path):
    def kill_worker():
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()

    with pytest.raises(RuntimeError, match='worker'):
        train(tmp_path, hooks=[call_at(2, kill_worker)], num_workers=1)
