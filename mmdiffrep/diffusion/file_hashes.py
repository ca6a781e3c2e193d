# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hashes of files and of the weights in them, computed once and kept in a small file."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from torch import nn

from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.version import __version__

logger = logging.getLogger('mmdiffrep')

_CHUNK = 16 * 2**20  # bytes


def cache_folder() -> Path:
    """Return the folder of small derived files: ``$MMDIFFREP_CACHE`` or ~/.cache/mmdiffrep."""
    default = Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')) / 'mmdiffrep'
    return Path(os.environ.get('MMDIFFREP_CACHE', default)).expanduser()


def hash_files(paths: Iterable[Path]) -> str:
    """Return a sha256 over the contents of files, whatever their names."""
    digests = [_remembered('sha256', [path], lambda p=path: _sha256(p)) for path in set(paths)]
    return hashlib.sha256(' '.join(sorted(digests)).encode()).hexdigest()


def hash_loaded_weights(network: nn.Module, files: Iterable[Path]) -> str:
    """Return :func:`hash_weights` of a network as it was loaded from files, computed once.

    Args:
        network: The whole network, not changed since.
        files: Where its weights come from.
    """
    dtype = next(network.parameters()).dtype
    facts = f'{type(network).__name__} {dtype} {__version__}'
    return _remembered(facts, sorted(set(files)), lambda: hash_weights(network))


def _remembered(facts: str, paths: Sequence[Path], compute: Callable[[], str]) -> str:
    """Return a hash that is known, or compute it.

    A file is known again by its path, size and time of change.
    """
    memory = cache_folder() / 'hashes.json'
    known: dict[str, list[str]] = {}
    with suppress(OSError, ValueError):
        known = json.loads(memory.read_text())
    stats = [path.stat() for path in paths]
    places = [str(path.resolve()) for path in paths]
    key = ' '.join([facts, *(f'{p} {s.st_size} {s.st_mtime_ns}' for p, s in zip(places, stats))])
    if key not in known:
        found = compute()
        kept = {k: entry for k, entry in known.items() if all(map(os.path.exists, entry[1:]))}
        _write(memory, {**kept, key: [found, *places]})
        return found
    return known[key][0]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write(memory: Path, known: dict[str, list[str]]) -> None:
    """Write the hashes; a folder that cannot be written to costs time at the next start alone."""
    temporary = memory.with_name(f'{memory.name}.{os.getpid()}')
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(known))
        temporary.replace(memory)
    except OSError as error:
        logger.info('Hashes of weights are not kept: %s', error)
