# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Faults at one exact file operation of a checkpoint save."""

import errno
import io
import os
import signal
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from mmdiffrep.utils import atomic_file


class FileFault:
    """Counts the file operations of atomic writes and strikes before one of them.

    Opening, the second half of writing, syncing the file, renaming it and syncing the folder count
    as one operation each.

    Args:
        operation: Which one, from 1; 0 for never.
        full_disk: Raise 'no space left' there instead of killing the process.

    Attributes:
        count: Operations so far.
    """

    def __init__(self, operation: int = 0, full_disk: bool = False) -> None:
        self.count = 0
        self._operation = operation
        self._full_disk = full_disk

    def installed(self) -> AbstractContextManager[Any]:
        """Return a context in which all atomic writes of this process are counted."""
        return mock.patch.dict(
            vars(atomic_file),
            os=_CountedOs(self),
            open=lambda path, mode: _CountedFile(self, path, mode),
        )

    def step(self) -> None:
        """Count one operation, and strike if it is the one."""
        self.count += 1
        if self.count != self._operation:
            return
        if self._full_disk:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), signal.SIGKILL)


class _CountedOs:
    def __init__(self, fault: FileFault) -> None:
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        self._fault.step()
        os.fsync(descriptor)

    def replace(self, source: Any, target: Any) -> None:
        self._fault.step()
        os.replace(source, target)


class _CountedFile(io.FileIO):
    def __init__(self, fault: FileFault, path: Any, mode: str) -> None:
        fault.step()
        self._fault = fault
        super().__init__(path, mode)

    def write(self, data: bytes) -> int:
        half = len(data) // 2
        written = super().write(data[:half])
        self._fault.step()
        return written + super().write(data[half:])
