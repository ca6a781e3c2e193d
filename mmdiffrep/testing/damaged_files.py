# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Damage files the way that disks, downloads and copies do."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path


def _zero_middle(whole: bytes) -> bytes:
    third = len(whole) // 3
    return whole[:third] + bytes(third) + whole[2 * third :]


def _png_bomb(_: bytes) -> bytes:
    """Return a PNG of a few bytes that claims 60,000 x 60,000 pixels."""
    header = b'IHDR' + (60_000).to_bytes(4, 'big') * 2 + b'\x08\x02\0\0\0'
    crc = zlib.crc32(header).to_bytes(4, 'big')
    data = zlib.compress(bytes(100))
    body = b'IDAT' + data
    end = len(data).to_bytes(4, 'big') + body + zlib.crc32(body).to_bytes(4, 'big')
    return b'\x89PNG\r\n\x1a\n\0\0\0\x0d' + header + crc + end + b'\0\0\0\0IEND\xaeB`\x82'


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    'empty': lambda whole: b'',
    'one byte': lambda whole: whole[:1],
    'header only': lambda whole: whole[:24],
    'cut half': lambda whole: whole[: len(whole) // 2],
    'cut at 90 %': lambda whole: whole[: len(whole) * 9 // 10],
    'zeroed middle': _zero_middle,
    'all zero': lambda whole: bytes(len(whole)),
    'text': lambda whole: b'<html>404 Not Found</html>',
    'bomb': _png_bomb,
}
DAMAGES = (*CONTENTS, 'pipe', 'folder', 'missing', 'dangling link')


def damage(path: Path, kind: str) -> None:
    """Damage a file.

    Args:
        path: The file.
        kind: One of ``DAMAGES``.
    """
    if kind in CONTENTS:
        path.write_bytes(CONTENTS[kind](path.read_bytes()))
        return
    path.unlink()
    if kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'folder':
        path.mkdir()
    elif kind == 'dangling link':
        path.symlink_to(path.with_name('nowhere'))
