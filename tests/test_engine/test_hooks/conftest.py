# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny runs for the tests of checkpoints and signals."""

import os
import signal

import pytest
import torch
from mmengine.hooks import Hook

from mmdiffrep.testing.tiny_run import build_tiny_runner


def _train(work_dir, load_from=None, hooks=(), val_workers=0, **options):
    runner = build_tiny_runner(str(work_dir), load_from=load_from, **options)
    runner._val_dataloader['num_workers'] = val_workers
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


class _At(Hook):
    """Calls a function at the start of one iteration, counted from 0."""

    priority = 'LOWEST'  # when the checkpoint hook knows that the iteration has begun

    def __init__(self, iteration, function):
        self._iteration = iteration
        self._function = function

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self._iteration:
            self._function()


@pytest.fixture
def train():
    """Trains a tiny run and returns its runner; signals are handled as before afterwards."""
    numbers = (signal.SIGTERM, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    yield _train
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


@pytest.fixture(scope='session')
def undisturbed(tmp_path_factory):
    """Work directory of an undisturbed run of 12 iterations."""
    work_dir = tmp_path_factory.mktemp('run')
    (work_dir / '.iter_1.pth.incomplete').touch()
    _train(work_dir)
    return work_dir


@pytest.fixture
def call_at():
    """Makes hooks that call a function at the start of one iteration, counted from 0."""
    return _At


@pytest.fixture
def checkpoints():
    """Lists the checkpoints in a folder."""

    def names(folder):
        return sorted(name for name in os.listdir(folder) if name.endswith('.pth'))

    return names


@pytest.fixture
def weights():
    """Reads the weights of a checkpoint."""

    def read(path):
        return torch.load(path, weights_only=True)['state_dict']

    return read
