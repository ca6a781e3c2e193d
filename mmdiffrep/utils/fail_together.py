# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Raise an error of one process in all processes of a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.dist import all_gather_object


@contextmanager
def fail_together() -> Iterator[None]:
    """End a piece of work in all processes, so that none waits for one that is gone.

    All processes must come here, and none may talk to the others inside.

    Raises:
        Exception: As raised inside, in the process where it was.
        RuntimeError: Elsewhere; names that process and its reason.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:  # noqa: BLE001, it is raised below
        failure = error
    reasons = all_gather_object(None if failure is None else str(failure) or repr(failure))
    if failure is not None:
        raise failure
    for rank, reason in enumerate(reasons):
        if reason is not None:
            raise RuntimeError(f'Process {rank} failed: {reason}')
