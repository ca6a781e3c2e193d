# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Write files so that each appears whole or not at all, whenever the process dies."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

INCOMPLETE_SUFFIX = '.incomplete'


def write_atomically(data: bytes, path: str | Path) -> None:
    """Write ``data`` to ``path``; a file that was there before stays until the new one is complete.

    The bytes go to ``.<name>.incomplete`` in the same folder, reach the disk (fsync), and are then
    renamed over ``path``. A process killed on the way leaves the old file untouched and at most one
    ``.incomplete`` file, which the next write of the same name or :func:`remove_incomplete` clears.

    Args:
        data: The whole content.
        path: Where it belongs. Its folder is made if needed. Two processes must not write the same
            path at the same time.

    Raises:
        OSError: The disk is full or the folder is not writable. Names the file and its size; the
            old file is intact and the incomplete one is removed.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}{INCOMPLETE_SUFFIX}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _remove_quietly(temporary)
        kept = f' The earlier {path.name} is intact.' if path.exists() else ''
        raise OSError(
            error.errno,
            f'Could not write {path} ({len(data) / 1e6:.1f} MB): {error.strerror}. Files written '
            f'before are intact.{kept} Free some space or make the folder writable, then resume',
        ) from error


def remove_incomplete(folder: str | Path) -> list[str]:
    """Remove what killed writes left behind in ``folder`` (not below it).

    Args:
        folder: A folder that only this process writes to. It may be missing.

    Returns:
        The names of the removed files, sorted.
    """
    leftovers = sorted(Path(folder).glob(f'.*{INCOMPLETE_SUFFIX}'))
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    return [leftover.name for leftover in leftovers]


@contextmanager
def replace_files(folder: str | Path) -> Iterator[Path]:
    """Collect files in a temporary folder, and move them into ``folder`` when all are complete.

    Each reaches the disk (fsync) before any is moved. Files of other names stay in ``folder``.

    Args:
        folder: Made if needed. Two processes must not write to it at the same time.

    Yields:
        The temporary folder, ``.<name>.incomplete`` beside ``folder``, removed after an error.

    Raises:
        OSError: The disk is full or the folder is not writable.
    """
    folder = Path(folder)
    temporary = folder.with_name(f'.{folder.name}{INCOMPLETE_SUFFIX}')
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        files = sorted(path for path in temporary.rglob('*') if path.is_file())
        for path in files:
            with open(path, 'rb') as file:
                os.fsync(file.fileno())
        for path in files:
            target = folder / path.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            _sync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """mmengine's local file backend, with :func:`write_atomically` behind ``put``.

    Any mmengine function that takes ``backend_args`` can use it:
    ``backend_args=dict(backend='atomic_local')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes, see :func:`write_atomically`."""
        write_atomically(obj, filepath)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text, see :func:`write_atomically`."""
        write_atomically(obj.encode(encoding), filepath)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, not only the end of the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: Path) -> None:
    # The error that led here is the one to report; remove_incomplete clears the file later.
    with suppress(OSError):
        path.unlink()
