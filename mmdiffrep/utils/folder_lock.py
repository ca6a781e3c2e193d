# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""One run at a time in a folder, also when a run has several processes or is killed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from mmengine.dist import broadcast_object_list, get_rank

from mmdiffrep.utils.fail_together import fail_together

logger = logging.getLogger('mmdiffrep')

LOCK_FILE = '.lock'
_PAUSE = 0.5  # seconds between two attempts


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until no other run is in the folder, and keeps others out.

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
