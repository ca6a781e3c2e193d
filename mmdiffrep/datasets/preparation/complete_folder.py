# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear only when they are complete."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmdiffrep.utils.image_files import is_sound


def place_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name, and rename it.

    Args:
        path: The file; its folder is made if needed.
        write: Is called with the path to write to.

    Raises:
        OSError: The disk is full or not writable; names the file. Nothing is left over.
    """
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f'Could not write {path}: {error.strerror or error}. Free some space or make the '
            'folder writable, then run the command again',
        ) from error


class CompleteFolder:
    """Collect files under a hidden name, and rename the folder at the end.

    An interrupted preparation can be continued, and nobody reads half a data set.

    Args:
        path: The folder.
        count: How many files it will have.
        pattern: Which files count, relative to the folder, e.g. ``'*/*.png'``.
    """

    def __init__(self, path: Path, count: int, pattern: str) -> None:
        self.path = path
        self.count = count
        self.pattern = pattern
        self._partial = path.with_name(f'.{path.name}.partial')

    def exists(self) -> bool:
        """Tell whether the folder is there.

        Raises:
            ValueError: It has another number of files, or a damaged PNG.
        """
        if not self.path.exists():
            return False
        found = sum(1 for _ in self.path.glob(self.pattern))
        if found != self.count:
            raise ValueError(
                f'{self.path} exists already, with {found:,} images and not {self.count:,}: remove '
                'it, or write to another folder'
            )
        damaged = [str(path) for path in self.path.glob(self.pattern) if not _is_sound(path)]
        if damaged:
            raise ValueError(
                f'{self.path}: {len(damaged)} files are damaged, the first: {damaged[:3]}. Remove '
                'the folder and run the command again'
            )
        return True

    def place(self, name: str, write: Callable[[Path], object]) -> bool:
        """Add a file unless it is there and undamaged; tell whether it was added.

        Args:
            name: Path inside the folder.
            write: Is called with the path to write to; the file is renamed afterwards.

        Raises:
            OSError: See :func:`place_file`.
        """
        path = self._partial / name
        if path.exists() and _is_sound(path):
            return False
        place_file(path, write)
        return True

    def finish(self) -> None:
        """Give the folder its name.

        Raises:
            ValueError: Files of another preparation are among its own.
        """
        found = sum(1 for _ in self._partial.glob(self.pattern))
        if found != self.count:
            raise ValueError(
                f'{self._partial} has {found:,} images and not {self.count:,}, left over from '
                'another preparation: remove it and start again'
            )
        os.replace(self._partial, self.path)


def _is_sound(path: Path) -> bool:
    """Tell whether the checksums of a PNG are right; other files have none."""
    return is_sound(path, decode=False) if path.suffix == '.png' else path.stat().st_size > 0
