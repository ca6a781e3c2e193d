# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Name the JPEG files that are damaged inside.

A JPEG has no checksum: where bytes in the middle are wrong, libjpeg fills or shifts the blocks and
goes on. Of that it prints a line that names no file (OpenCV), or nothing is heard (Pillow).
"""

import io
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import cv2
import numpy as np

_START = b'\xff\xd8\xff'  # of every JPEG
_COMPLAINTS = (b'Corrupt JPEG data', b'Premature end of JPEG file')
_TURN = threading.RLock()  # the standard error stream belongs to the whole process
_FILES: dict[int, io.FileIO] = {}  # by process


@contextmanager
def naming_jpeg_damage(name: Callable[[], str]) -> Iterator[None]:
    """Warn of damaged JPEG files that OpenCV decodes inside, as mmcv does.

    One thread at a time listens; what other threads decode meanwhile is not warned of.

    Args:
        name: Returns what is read, for the warning.
    """
    if not _TURN.acquire(blocking=False):
        yield
        return
    try:
        with _complaints() as found:
            yield
    finally:
        _TURN.release()
    if found:
        warnings.warn(
            f'{name()} is damaged inside, and parts of it are not as they were ({found[0]}): '
            'replace the file, or save the image again if it looks right.',
            stacklevel=3,
        )


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what libjpeg complains of; the rest of the standard error is passed on."""
    found: list[str] = []
    with _TURN:
        said = _own_file()
        start = said.tell()  # not 0 inside another collection
        try:
            with _stderr_to(said.fileno()):
                yield found
        finally:
            length = said.tell() - start
            if length:
                said.seek(start)
                lines = said.read(length).splitlines(keepends=True)
                said.seek(start)
                said.truncate()
                complaints = [line for line in lines if line.startswith(_COMPLAINTS)]
                os.write(2, b''.join(line for line in lines if line not in complaints))
                found += [line.decode().strip() for line in complaints]


def _own_file() -> io.FileIO:
    """Return the process's file for what is said, empty between two collections.

    To make one per image would take as long as decoding a small one. A forked process needs its
    own: it would share the position in its parent's.
    """
    process = os.getpid()
    if process not in _FILES:
        _FILES.clear()
        _FILES[process] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
    return _FILES[process]


@contextmanager
def _stderr_to(target: int) -> Iterator[None]:
    """Lead what C libraries print to another file."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(target, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def warn_of_jpeg_damage(path: str | os.PathLike[str], content: bytes | None = None) -> None:
    """Warn if a file is a JPEG that is damaged inside; for readers that do not use OpenCV.

    Args:
        path: The file.
        content: What is in it, if that was read already.
    """
    with naming_jpeg_damage(lambda: str(path)):
        _decode_jpeg(path, content)


def jpeg_complaint(path: str | os.PathLike[str]) -> str:
    """Return what libjpeg complains of in a file; nothing of a whole one, or of another format."""
    with _complaints() as found:
        _decode_jpeg(path)
    return found[0] if found else ''


def _decode_jpeg(path: str | os.PathLike[str], content: bytes | None = None) -> None:
    if content is None:
        with open(path, 'rb') as file:
            content = file.read(len(_START))
            if content == _START:
                content += file.read()
    if content.startswith(_START):
        with suppress(cv2.error):  # too large for OpenCV
            cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
