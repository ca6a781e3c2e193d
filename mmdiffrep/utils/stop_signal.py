# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A request to stop by SIGTERM, obeyed between two iterations."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process


def in_any_process(condition: bool) -> bool:
    """Whether something holds in any process of the run. All must ask at the same place."""
    flag = torch.tensor(int(condition))
    all_reduce(flag, op='max')
    return bool(flag)


class StopSignal:
    """Remembers SIGTERM (inside a Slurm job SIGUSR1 too) instead of dying from it.

    The arrival is acknowledged in one line on stderr. Further signals within ``REPEAT_SECONDS``
    belong to the first one: a scheduler that signals all processes, and a launcher that passes its
    own signal on, both reach a worker. A later one ends the process at once.

    Attributes:
        EXIT_STATUS: What a shell reports for a process ended by SIGTERM: 128 + 15.
        REPEAT_SECONDS: See above.
        nothing_to_save: Whether the process may leave at once: all that it has done is saved.
    """

    EXIT_STATUS = 128 + signal.SIGTERM
    REPEAT_SECONDS = 2.0

    def __init__(self) -> None:
        self.nothing_to_save = False
        self._received_at: float | None = None
        self._pid = os.getpid()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals inside; afterwards they are what they were, after an error too.

        Does nothing outside the main thread, where Python forbids it.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._pid, self._received_at = os.getpid(), None
        previous: dict[int, Any] = {signal.SIGCHLD: signal.getsignal(signal.SIGCHLD)}
        signals = [signal.SIGTERM]
        if 'SLURM_JOB_ID' in os.environ:
            signals.append(signal.SIGUSR1)
        for number in signals:
            previous[number] = signal.signal(number, self._handle)
        try:
            yield
        finally:
            if self._received_at is None:  # then PyTorch may have set its own for SIGCHLD
                del previous[signal.SIGCHLD]
            for number, handler in previous.items():
                signal.signal(number, handler)

    @property
    def arrived(self) -> bool:
        """Whether this process got a signal."""
        return self._received_at is not None

    def received(self) -> bool:
        """Whether any process of the run got a signal. Every rank must ask at the same place."""
        return in_any_process(self.arrived)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        in_worker = os.getpid() != self._pid  # a data worker dies as its parent expects
        again = self.arrived and now - self._received_at >= self.REPEAT_SECONDS
        if in_worker or again:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if not self.arrived:
            self._received_at = now
            self._acknowledge(signal.Signals(number).name)
        if self.nothing_to_save:
            raise SystemExit(self.EXIT_STATUS)
        # A signal to the process group ends the data workers too. PyTorch would raise on that in
        # the middle of the iteration that is to be finished.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def _acknowledge(self, name: str) -> None:
        """Write a line, not by way of ``logging`` or ``print``: either may be interrupted here."""
        if not is_main_process():
            return
        what = (
            'all of it is saved, stopping'
            if self.nothing_to_save
            else 'stopping at the next point where the run can be saved'
        )
        line = f'\n{name} received: {what}. Send it again to end the process at once.\n'
        os.write(2, line.encode())
