# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""One run at a time in a folder, also when a run has several processes or is killed."""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from mmengine.dist import broadcast_object_list, get_rank

from mmdiffrep.utils.fail_together import fail_together

logger = logging.getLogger('mmdiffrep')

LOCK_FILE = '.lock'
OWNER_FILE = '.lock_owner'
_PAUSE = 0.5  # seconds between two attempts
# The data workers of a killed run keep its lock until they notice, after 5 s.
_WAIT_FOR_KILLED = 15.0


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until no other run is in the folder, and keep others out.

    Rank 0 holds the lock for all processes of the run; each must come here. The system frees it
    when rank 0 ends, however it ends.

    Args:
        folder: Where the lock file is. It must exist, on a file system that all processes see.

    Raises:
        OSError: The folder is not writable, or its file system knows no locks.
    """
    lock: FileLock | None = None
    with fail_together():
        if get_rank() == 0:
            (folder / LOCK_FILE).touch()  # the plain error of a folder that cannot be written to
            lock = FileLock(folder / LOCK_FILE, fallback_to_soft=False)
    try:
        waits = 0
        # Attempts, and not one long wait, in which other ranks would run into the time limit of
        # their collective operation.
        while not _acquired(lock):
            if waits == 0 and lock is not None:
                logger.warning('%s is in use by another process: waiting for it.', folder)
            waits += 1
            time.sleep(_PAUSE)
        yield
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def only_run_in(folder: str | Path) -> Iterator[None]:
    """Keep other runs out of a folder, or refuse to run where another one is.

    Rank 0 holds the lock for all processes of the run; each must come here. On a file system that
    knows no locks there is none, with a warning.

    Args:
        folder: Made if needed.

    Raises:
        RuntimeError: Another run is there; says which.
    """
    folder = Path(folder)
    lock: FileLock | None = None
    with fail_together():
        if get_rank() == 0:
            lock = _lock_or_refuse(folder)
    try:
        yield
    finally:
        if lock is not None:
            with suppress(OSError):
                (folder / OWNER_FILE).unlink()
            lock.release()


def _lock_or_refuse(folder: Path) -> FileLock | None:
    owner = folder / OWNER_FILE
    lock = FileLock(folder / LOCK_FILE, fallback_to_soft=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_WAIT_FOR_KILLED)
        owner.write_text(
            f'process {os.getpid()} on {socket.gethostname()}, since {time.strftime("%F %T")}'
        )
    except Timeout:
        who = owner.read_text() if owner.exists() else 'unknown process'
        raise RuntimeError(
            f'Another run is in {folder} ({who}). Give this one another --work-dir, or end the '
            'other one first.'
        ) from None
    except (OSError, NotImplementedError) as error:
        logger.warning('%s cannot be locked against a second run: %s', folder, error)
        return None
    return lock


def _acquired(lock: FileLock | None) -> bool:
    """Try once; all ranks get rank 0's answer."""
    answer = [False]
    with fail_together():
        if lock is not None:
            with suppress(Timeout):  # another run has it
                lock.acquire(blocking=False)
            answer = [lock.is_locked]
    broadcast_object_list(answer)
    return answer[0]
