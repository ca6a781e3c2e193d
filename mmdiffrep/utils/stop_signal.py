# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A polite request to stop, noticed between two iterations."""

import os
import signal
import threading
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce


class StopSignal:
    """Remembers SIGTERM (inside a Slurm job SIGUSR1 too) instead of dying from it.

    Attributes:
        EXIT_STATUS: What a shell reports for a process ended by SIGTERM: 128 + 15.
    """

    EXIT_STATUS = 128 + signal.SIGTERM

    def __init__(self) -> None:
        self._received = False
        self._previous: dict[int, Any] = {}
        self._pid = os.getpid()

    def listen(self) -> None:
        """Start to remember the signals; not outside the main thread, where Python forbids it."""
        if threading.current_thread() is not threading.main_thread() or self._previous:
            return
        self._pid = os.getpid()
        signals = [signal.SIGTERM]
        if 'SLURM_JOB_ID' in os.environ:
            signals.append(signal.SIGUSR1)
        self._previous = {number: signal.signal(number, self._remember) for number in signals}

    def release(self) -> None:
        """Give the signals back to whoever handled them before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def received(self) -> bool:
        """Whether any process of the run got a signal. Every rank must ask at the same place."""
        flag = torch.tensor(int(self._received))
        all_reduce(flag, op='max')
        return bool(flag)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            # A data worker inherited this handler; it has to die as its parent expects.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._received = True
        # A signal to the process group ends the data workers too. PyTorch would raise on that in
        # the middle of the iteration that is to be finished.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
