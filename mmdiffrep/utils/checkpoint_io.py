# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Finding, checking and loading checkpoint files without running code from them."""

import os
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

import torch
from mmengine.dist import get_dist_info
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _process_mmcls_checkpoint
from safetensors import SafetensorError
from safetensors.torch import load_file

from mmdiffrep.utils.checkpoint_names import PREFIXES, place_of

# What readers raise for files that end too early.
_DAMAGE = (SafetensorError, RuntimeError, EOFError, IndexError, struct.error)
POINTER = 'last_checkpoint'  # mmengine's: holds the path of the newest checkpoint
_HARMLESS = ('torch.', 'collections.OrderedDict')  # prefixes, in files of old PyTorch
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
    return _check_archive(path, every_record=False)


def is_intact(path: str | Path) -> bool:
    """Whether a checkpoint file is as it was written; reads all of it.

    Compares the checksum of every record, and lets PyTorch read the structure.

    Args:
        path: As for :func:`is_complete`.

    Returns:
        True also for a file that needs code to load, whatever that code would do.
    """
    if not _check_archive(path, every_record=True):
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


def load_checkpoint_file(
    path: str | Path, map_location: Any = 'cpu', trust: bool = False
) -> dict[str, Any]:
    """Load a ``.pth``/``.pt`` or ``.safetensors`` file.

    Args:
        path: The file; a run's work directory or the ``last_checkpoint`` in it stands for the
            newest complete checkpoint of the run.
        map_location: As in ``torch.load``.
        trust: Also load files that run code when unpickled. Only for files whose origin you trust.

    Returns:
        The checkpoint; of a safetensors file ``{'state_dict': tensors}``.

    Raises:
        FileNotFoundError: There is no such file.
        RuntimeError: The file is not complete, or cannot be read for another reason.
        pickle.UnpicklingError: Reading the file would run code and ``trust`` is False.
    """
    path = follow_pointer(os.path.expanduser(str(path)))
    if not os.path.isfile(path):
        raise FileNotFoundError(f'There is no checkpoint file {path}.')
    is_safetensors = path.endswith('.safetensors')
    if not (is_safetensors or is_complete(path) or _is_legacy_pickle(path)):
        raise RuntimeError(_explain_damage(path, 'no end mark was found'))
    try:
        if is_safetensors:
            device = map_location if isinstance(map_location, (str, torch.device)) else 'cpu'
            return {'state_dict': load_file(path, device=str(device))}
        return torch.load(path, map_location=map_location, weights_only=not trust)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(_explain_refusal(path, error)) from error
    except _DAMAGE as error:
        raise RuntimeError(_explain_damage(path, error)) from error


def load_checkpoint_url(url: str, map_location: Any = 'cpu', trust: bool = False) -> dict[str, Any]:
    """Load a checkpoint from an ``http(s)://`` address, through torch's download folder.

    Args:
        url: The address.
        map_location: As in ``torch.load``.
        trust: As in :func:`load_checkpoint_file`.

    Returns:
        The checkpoint.

    Raises:
        pickle.UnpicklingError: Reading the file would run code and ``trust`` is False.
        OSError: The file cannot be downloaded.
    """

    def load() -> dict[str, Any]:
        try:
            return torch.hub.load_state_dict_from_url(
                url, map_location=map_location, weights_only=not trust
            )
        except pickle.UnpicklingError as error:
            name = os.path.basename(urlparse(url).path)  # where torch.hub has put it
            path = os.path.join(torch.hub.get_dir(), 'checkpoints', name)
            raise pickle.UnpicklingError(_explain_refusal(path, error)) from error

    rank, world_size = get_dist_info()
    if world_size == 1:
        return load()
    if rank == 0:
        load()  # fills the download folder that the other ranks read
    torch.distributed.barrier()
    return load()


def register_safe_loader(trust: bool = False) -> None:
    """Make mmengine, and every library on it, load checkpoints by :func:`load_checkpoint_file`.

    Replaces mmengine's loaders of local paths, of ``http://``/``https://`` addresses and of names
    (``torchvision://``, ``open-mmlab://``, ``mmcls://``) for the rest of the process. Those of
    ``s3://`` and ``pavi://`` stay; they run no code with PyTorch 2.6 or newer.

    Args:
        trust: Passed on; see :func:`load_checkpoint_file`.
    """

    def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
        return load_checkpoint_file(filename, map_location, trust)

    def load_from_http(filename: str, map_location: Any = None) -> dict[str, Any]:
        return load_checkpoint_url(filename, map_location, trust)

    def load_from_name(filename: str, map_location: Any = None) -> dict[str, Any]:
        place = place_of(filename)
        load = load_from_http if '://' in place else load_from_local
        loaded = load(place, map_location)
        return _process_mmcls_checkpoint(loaded) if filename.startswith('mmcls:') else loaded

    # mmengine prints a loader's name without its first ten letters, hence `load_from_`.
    CheckpointLoader.register_scheme('', loader=load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), loader=load_from_http, force=True)
    CheckpointLoader.register_scheme(PREFIXES, loader=load_from_name, force=True)


def ensure_safe_loader() -> None:
    """Make mmengine load safely under the launcher of another library as well.

    A loader that :func:`register_safe_loader` has set stays, trusting or not.
    """
    if CheckpointLoader._get_checkpoint_loader('x.pth').__module__ != __name__:
        register_safe_loader()


def _check_archive(path: str | Path, every_record: bool) -> bool:
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


def _is_legacy_pickle(path: str) -> bool:
    """Whether the file has the format of PyTorch before 1.6, which has no end mark to check."""
    with open(path, 'rb') as file:
        return file.read(2) in (b'\x80\x02', b'\x80\x03', b'\x80\x04')


def _explain_damage(path: str, reason: object) -> str:
    return (
        f'{path} is not a complete checkpoint ({os.path.getsize(path)} bytes): it was cut while '
        f'being written or copied, or it is not a PyTorch file ({reason}). Copy it again, or take '
        'an earlier one from the same folder.'
    )


def _explain_refusal(path: str, error: pickle.UnpicklingError) -> str:
    names = _code_in(path)
    if names:
        wants = f'It wants to call: {", ".join(names)}. '
    else:  # PyTorch goes on with advice to switch the safety off
        reason = re.search(r'WeightsUnpickler error: ([^\n]+)', str(error))
        wants = f'{reason.group(1)}. ' if reason else ''
    return (
        f'{path} is a pickle that runs code when it is loaded, so it was not loaded. {wants}If '
        'you trust where it comes from, pass --trust-checkpoint to tools/train.py or '
        'tools/test.py, or convert it once: '
        f'python tools/convert_checkpoint.py {path} OUT.pth --trust'
    )


def _code_in(path: str) -> list[str]:
    """Return the functions and classes a pickle names, found without running it."""
    if is_complete(path):
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    if not _is_legacy_pickle(path):
        return []
    names: set[str] = set()
    # Magic number, protocol version, system information, then the object itself.
    with open(path, 'rb') as file, suppress(Exception):
        for _ in range(4):
            names |= _globals_of_next_pickle(file)
    return sorted(name for name in names if not name.startswith(_HARMLESS))


def _globals_of_next_pickle(file: BinaryIO) -> set[str]:
    names: set[str] = set()
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == 'GLOBAL':
            names.add(argument.replace(' ', '.'))
        elif opcode.name == 'STACK_GLOBAL':
            names.add('.'.join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    return names
