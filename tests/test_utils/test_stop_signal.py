# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import signal
import threading
import time

import pytest

from mmdiffrep.utils.stop_signal import StopSignal


@pytest.fixture
def keep_handlers():
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


@pytest.mark.usefixtures('keep_handlers')
def test_remembers_and_gives_back():
    before = signal.getsignal(signal.SIGTERM)
    stop = StopSignal()
    stop.listen()
    assert not stop.received()
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.received()
    stop.release()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.usefixtures('keep_handlers')
@pytest.mark.parametrize('in_slurm', [True, False])
def test_slurm_warns_by_another_signal(monkeypatch, in_slurm):
    monkeypatch.delenv('SLURM_JOB_ID', raising=False)
    if in_slurm:
        monkeypatch.setenv('SLURM_JOB_ID', '1')
    before = signal.getsignal(signal.SIGUSR1)
    StopSignal().listen()
    assert (signal.getsignal(signal.SIGUSR1) != before) == in_slurm


@pytest.mark.usefixtures('keep_handlers')
def test_data_workers_still_die():
    stop = StopSignal()
    stop.listen()
    ready, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, b'.')
        for _ in range(3000):  # not signal.pause(): the signal may come just before it
            time.sleep(0.01)
        os._exit(0)
    os.read(ready, 1)  # Python drops signals that come while it forks
    os.kill(child, signal.SIGTERM)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    assert not stop.received()


def test_does_nothing_in_a_thread():
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=StopSignal().listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before
