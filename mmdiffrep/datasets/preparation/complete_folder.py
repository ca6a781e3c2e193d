# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A folder that has its name only once all of its files are there."""

import os
from collections.abc import Callable
from pathlib import Path


class CompleteFolder:
    """Collects files under a hidden name, and renames the folder at the end.

    What is interrupted can be taken up again, and nobody reads half a data set.

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
            ValueError: It is, with another number of files.
        """
        if not self.path.exists():
            return False
        found = sum(1 for _ in self.path.glob(self.pattern))
        if found != self.count:
            raise ValueError(
                f'{self.path} exists already, with {found:,} images and not {self.count:,}: remove '
                'it, or write to another folder'
            )
        return True

    def place(self, name: str, write: Callable[[Path], object]) -> bool:
        """Add a file unless it is there; tell whether it was added.

        Args:
            name: Path inside the folder.
            write: Is called with the path to write to; the file is renamed afterwards.
        """
        path = self._partial / name
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.tmp')
        temporary.unlink(missing_ok=True)
        write(temporary)
        os.replace(temporary, path)
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
