# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the checkpoint that a run goes on from: the newest that is sound."""

import os
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import torch

POINTER = 'last_checkpoint'  # mmengine's: holds the path of the newest checkpoint
_LONGEST_PATH = 4096  # bytes
_NUMBERED = re.compile(r'^(?:iter|epoch)_(\d+)\.pth$')


def is_complete(path: str | Path) -> bool:
    """Whether a checkpoint file was written to its end; reads a few kilobytes, not the tensors.

    ``torch.save`` writes a zip archive whose table of contents comes last, so a file cut anywhere
    has none. The checksum of the pickle inside is checked as well. Nothing is unpacked that is
    larger than the file: ``torch.save`` never compresses.

    Args:
        path: A file written by ``torch.save`` (PyTorch 1.6 or newer).

    Returns:
        False for a missing, empty, cut or overwritten file and for one that is not such an archive.
    """
    return _is_sound_archive(path, every_record=False)


def is_intact(path: str | Path) -> bool:
    """Whether a checkpoint file is as it was written; reads all of it.

    Compares the checksum of every record, and lets PyTorch read the structure.

    Args:
        path: As for :func:`is_complete`.

    Returns:
        True also for a file that needs code to load, whatever that code would do.
    """
    if not _is_sound_archive(path, every_record=True):
        return False
    try:
        torch.load(path, map_location='meta', mmap=True, weights_only=True)
    except pickle.UnpicklingError:
        return True  # its checksum is right: it is not damaged, but needs to be trusted
    except Exception:  # noqa: BLE001, PyTorch raises anything on a broken file
        return False
    return True


def find_resume_checkpoint(work_dir: str | Path) -> str | None:
    """Return the newest intact checkpoint of a run.

    Looks at the file that ``last_checkpoint`` names and at ``iter_*.pth`` and ``epoch_*.pth`` next
    to it and in ``work_dir``. A file with a higher number than the named one is preferred if it is
    also younger: the run died between writing it and updating ``last_checkpoint``. Each is read as
    a whole and its checksums are compared, see :func:`is_intact`.

    Args:
        work_dir: The run's work directory. It may be missing.

    Returns:
        Path of the checkpoint, or None if there is none. Files that are cut or damaged are skipped
        with a warning that names them.
    """
    work_dir = Path(work_dir)
    named = _named_by_pointer(work_dir)
    folders = {work_dir} if named is None else {work_dir, named.parent}
    numbered = [
        path
        for folder in folders
        for path in _files(folder)
        if _NUMBERED.match(path.name) and path != named
    ]
    newest_first = sorted(numbered, key=lambda path: (_age_key(path), _number(path)), reverse=True)
    if named is not None:
        ahead = [path for path in newest_first if _is_ahead(path, named)]
        newest_first = [*ahead, named, *(path for path in newest_first if path not in ahead)]
    for path in newest_first:
        if is_intact(path):
            return str(path)
        warnings.warn(
            f'{path} is missing, was not written to its end or is damaged; trying the one before.',
            stacklevel=2,
        )
    return None


def follow_pointer(path: str) -> str:
    """Return the checkpoint that a work directory or its ``last_checkpoint`` stands for.

    Args:
        path: Any other path is returned as it is.

    Raises:
        FileNotFoundError: The work directory has no complete checkpoint.
    """
    is_pointer = os.path.basename(path) == POINTER and os.path.isfile(path)
    if not (is_pointer or os.path.isdir(path)):
        return path
    work_dir = os.path.dirname(path) if is_pointer else path
    found = find_resume_checkpoint(work_dir)
    if found is None:
        raise FileNotFoundError(f'There is no complete checkpoint in {work_dir or "."}.')
    return found


def _is_sound_archive(path: str | Path, every_record: bool) -> bool:
    if not os.path.isfile(path):  # a pipe would be waited for
        return False
    try:
        size = os.path.getsize(path)
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if sum(max(record.file_size, record.compress_size) for record in records) > size:
                return False
            if any(record.compress_type != zipfile.ZIP_STORED for record in records):
                return False
            pickles = [name for name in archive.namelist() if name.endswith('data.pkl')]
            if every_record and archive.testzip() is not None:
                return False
            return bool(pickles) and all(archive.read(name) for name in pickles)
    except Exception:  # noqa: BLE001, zipfile raises anything on a broken file
        return False


def _named_by_pointer(work_dir: Path) -> Path | None:
    pointer = work_dir / POINTER
    if not pointer.is_file():
        return None
    with open(pointer, 'rb') as file:
        text = os.fsdecode(file.read(_LONGEST_PATH)).strip()
    if not text or '\0' in text:
        return None
    path = Path(text)
    # A work directory that was moved or copied still names the old place.
    own = work_dir / path.name
    return path if os.path.exists(path) and not os.path.exists(own) else own


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if os.path.isdir(folder) else []


def _number(path: Path) -> int:
    match = _NUMBERED.match(path.name)
    return int(match.group(1)) if match else -1


def _age_key(path: Path) -> int:
    return path.stat().st_mtime_ns if os.path.exists(path) else 0


def _is_ahead(path: Path, named: Path) -> bool:
    return _number(path) > _number(named) and _age_key(path) >= _age_key(named)
