# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read text files and lists of names that people have edited."""

import codecs
import stat
from pathlib import Path

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | Path) -> str:
    """Return the text of a file in UTF-8 or, with a byte order mark, in UTF-16.

    A byte order mark is dropped, and every line break becomes a line feed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Not a regular file, or not text; the message names the file.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f'{path} is not a regular file')
    content = path.read_bytes()
    encoding = 'utf-16' if content.startswith(_UTF16) else 'utf-8-sig'
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f'{path} is not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8'
        ) from error
    return text.replace('\r\n', '\n').replace('\r', '\n')


def read_names(path: str | Path) -> list[str]:
    """Return the names of a list file, one per line; blank lines do not count.

    A name may have blanks, commas and quotes inside. See :func:`listable` for what it cannot have.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Not text.
    """
    return [line.strip() for line in read_text(path).split('\n') if line.strip()]


def listable(name: str) -> bool:
    """Tell whether :func:`read_names` reads a name back: no line breaks, no blanks at its ends."""
    try:
        name.encode()
    except UnicodeEncodeError:  # a file name of the system that is not UTF-8
        return False
    return bool(name) and name == name.strip() and not {'\n', '\r'} & set(name)
