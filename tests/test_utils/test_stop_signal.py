# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import signal
import threading
import time

import pytest

from mmdiffrep.utils.stop_signal import StopSignal


@pytest.fixture(autouse=True)
def keep_handlers():
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


def test_remembers_and_gives_back(capfd):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)
    stop = StopSignal()
    with stop.listening():
        assert not stop.received()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)) == before
    assert capfd.readouterr().err.count('SIGTERM received') == 1


def test_gives_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), StopSignal().listening():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_earlier_signal_is_forgotten():
    stop = StopSignal()
    with stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
    with stop.listening():
        assert not stop.received()


def test_leaves_at_once_when_all_is_saved():
    stop = StopSignal()
    stop.nothing_to_save = True
    with pytest.raises(SystemExit) as end, stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    assert end.value.code == 143


@pytest.mark.parametrize(('pause', 'status'), [(0.0, 0), (0.3, -signal.SIGTERM)])
def test_a_second_signal_ends_the_process_unless_it_belongs_to_the_first(pause, status):
    child = os.fork()
    if child == 0:
        StopSignal.REPEAT_SECONDS = 0.2
        with StopSignal().listening():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(pause)
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status


@pytest.mark.parametrize('in_slurm', [True, False])
def test_slurm_warns_by_another_signal(monkeypatch, in_slurm):
    monkeypatch.delenv('SLURM_JOB_ID', raising=False)
    if in_slurm:
        monkeypatch.setenv('SLURM_JOB_ID', '1')
    before = signal.getsignal(signal.SIGUSR1)
    with StopSignal().listening():
        assert (signal.getsignal(signal.SIGUSR1) != before) == in_slurm


def test_data_workers_still_die():
    stop = StopSignal()
    with stop.listening():
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
    seen = []

    def listen():
        with StopSignal().listening():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
