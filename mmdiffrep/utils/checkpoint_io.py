# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check and load checkpoint files without running code from them."""

import os
import pickle
import pickletools
import re
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

import torch
from mmengine.dist import get_dist_info
from mmengine.fileio import get_file_backend
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _process_mmcls_checkpoint
from safetensors import SafetensorError
from safetensors.torch import load_file

from mmdiffrep.utils.checkpoint_names import PREFIXES, place_of
from mmdiffrep.utils.find_checkpoints import follow_pointer, is_complete

CEPH_PREFIXES = (r'(\S+\:)?s3://', r'(\S+\:)?petrel://')  # patterns, as mmengine registers them
# What readers raise for files that end too early.
_DAMAGE = (SafetensorError, RuntimeError, EOFError, IndexError, struct.error)
_HARMLESS = ('torch.', 'collections.OrderedDict')  # prefixes, in files of old PyTorch


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

    Replaces mmengine's loaders of local paths, of ``http://``/``https://`` addresses, of names
    (``torchvision://``, ``open-mmlab://``, ``mmcls://``) and of ``s3://`` and ``petrel://`` for the
    rest of the process. ``pavi://`` is refused.

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

    def load_from_ceph(filename: str, map_location: Any = None) -> dict[str, Any]:
        storage = get_file_backend(filename, backend_args={'backend': 'petrel'})  # as mmengine
        with storage.get_local_path(filename) as path:
            return load_checkpoint_file(path, map_location, trust)

    def load_from_pavi(filename: str, map_location: Any = None) -> dict[str, Any]:
        raise ValueError(
            f'{filename} cannot be loaded safely: download the file, and give its path.'
        )

    # mmengine prints a loader's name without its first ten letters, hence `load_from_`.
    CheckpointLoader.register_scheme('', loader=load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), loader=load_from_http, force=True)
    CheckpointLoader.register_scheme(PREFIXES, loader=load_from_name, force=True)
    CheckpointLoader.register_scheme(CEPH_PREFIXES, loader=load_from_ceph, force=True)
    CheckpointLoader.register_scheme('pavi://', loader=load_from_pavi, force=True)


def ensure_safe_loader() -> None:
    """Make mmengine load safely under the launcher of another library as well.

    A loader that :func:`register_safe_loader` has set stays, trusting or not.
    """
    if CheckpointLoader._get_checkpoint_loader('x.pth').__module__ != __name__:
        register_safe_loader()


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
        reason = re.search(r'(?:WeightsUnpickler error: |^(?=Trying))([^\n]+)', str(error), re.M)
        wants = f'{reason.group(1).rstrip(".")}. ' if reason else ''
    if any(name.startswith('mmengine.logging.') for name in names):
        wants += (
            "mmengine's CheckpointHook writes such files; those of later runs load with "
            "default_hooks.checkpoint.type='mmdiffrep.AtomicCheckpointHook'. "
        )
    return (
        f'{path} is a pickle that runs code when it is loaded, so it was not loaded. {wants}If '
        'you trust where it comes from, pass --trust-checkpoint to the train or test command, '
        'or convert it once: '
        f'python tools/convert_checkpoint.py {path} OUT.pth --trust'
    )


def _code_in(path: str) -> list[str]:
    """Return the functions and classes a pickle names, found without running it."""
    find = getattr(torch.serialization, 'get_unsafe_globals_in_checkpoint', None)  # PyTorch 2.6
    if find is not None and is_complete(path):
        return sorted(find(path))
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
