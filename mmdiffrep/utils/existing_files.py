# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Refuse files that are not there, with advice on how to get them."""

import os
from collections.abc import Iterable
from typing import TypeVar

PathLike = TypeVar('PathLike', bound=str | os.PathLike)


def require_file(path: PathLike, advice: str = '') -> PathLike:
    """Return the path of a file, which exists.

    Args:
        path: The file.
        advice: What to do if it does not exist, for the error.

    Raises:
        FileNotFoundError: It does not exist.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist. {advice or "Check the path."}')
    return path


def require_files(paths: Iterable[str | os.PathLike], owner: str, advice: str = '') -> None:
    """Check that files exist, with one listing per folder: many single checks are slow on NFS.

    Args:
        paths: The files.
        owner: What names them, for the error.
        advice: What to do if some do not exist, for the error.

    Raises:
        FileNotFoundError: Some do not exist; the message counts them and has the first.
    """
    listings: dict[str, set[str]] = {}
    missing = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in listings:
            listings[folder] = _files_of(folder or '.')
        if name not in listings[folder]:
            missing.append(str(path))
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} files named by {owner} are missing, the first: {missing[:3]}. '
            f'{advice or "Check the paths."}'
        )


def _files_of(folder: str) -> set[str]:
    """Return the names of a folder's files; pipes and folders are none."""
    if not os.path.isdir(folder):
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file()}
