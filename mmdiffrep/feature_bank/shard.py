# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A shard: the features of some images in one safetensors file, which is never changed.

safetensors rather than numpy's memmap: it has bfloat16, its header says what the file holds and
how long it must be, any tool can open it, and torch maps it into memory without a copy. Maps are
stored as (image, h, w, C): the channels of a pixel lie side by side, so that probes of single
pixels read one page, and the maps are channels-last tensors as they are.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.utils.atomic_file import write_atomically

SUFFIX = '.safetensors'
SET_ASIDE = '.set_aside'  # behind the name of an intact file that was in the way
_NAME = re.compile(r'[0-9a-f]{16}\.safetensors')
# One entry of the header: safetensors writes several in any order, and equal features are to be
# equal files.
_RECORD = 'mmdiffrep'


class DamagedShardError(ValueError):
    """A shard that was read and cannot be used.

    Args:
        path: Of the file, in the message and as attribute.
        reason: Why; the end of a sentence that begins with the path.
        intact: Whether the file is sound in itself and only does not belong there.
    """

    def __init__(self, path: Path, reason: str, intact: bool = False) -> None:
        super().__init__(f'{path} {reason}')
        self.path = path
        self.intact = intact

    def put_away(self) -> None:
        """Make room for a new shard of this name: an intact file is renamed, any other removed."""
        if self.intact:
            self.path.replace(self.path.with_name(self.path.name + SET_ASIDE))
        else:
            self.path.unlink()


class Shard:
    """A shard that is there, its size and header checked.

    Args:
        path: Of the file.
        key: Of the recipe that it must have been made by.

    Attributes:
        path: As given.
        images: Content hashes, one per row.
        num_bytes: Size of the file.

    Raises:
        DamagedShardError: The file is cut, is not a shard, belongs to another recipe, or does not
            hold the images that its name stands for.
        OSError: It cannot be read, which says nothing about its content.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.num_bytes = path.stat().st_size
        try:
            with safe_open(path, framework='pt') as file:
                record = json.loads((file.metadata() or {})[_RECORD])
                rows = {file.get_slice(name).get_shape()[0] for name in file.keys()}  # noqa: SIM118
            images, made_by = record['images'], record['recipe']
            self._checksum = record['checksum']
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            path.read_bytes()  # else the disk failed, not the file: an OSError
            reason = f'({self.num_bytes} bytes) is damaged or truncated: {error!r}'
            raise DamagedShardError(path, reason) from error
        if made_by != key:
            raise DamagedShardError(
                path, f'is stale: made by the recipe {made_by}, not {key}', intact=True
            )
        if path.name != shard_name(images) or rows != {len(images)}:
            raise DamagedShardError(
                path, 'does not hold the images that its name stands for', intact=True
            )
        self.images: list[str] = images

    def tensors(self) -> dict[MapKey, Tensor]:
        """Map the file into memory.

        Returns:
            ``{(timestep, tap): (N, h, w, C)}``; values are read from the file when they are used,
            and the system keeps them in memory as long as there is room.
        """
        with safe_open(self.path, framework='pt') as file:
            return {_key_of(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def verify(self) -> None:
        """Read the whole file and compare its checksum.

        Raises:
            DamagedShardError: It differs.
            OSError: The file cannot be read.
        """
        found = _checksum(self.images, self.tensors())
        if found != self._checksum:
            raise DamagedShardError(self.path, 'is damaged: its checksum differs')


def write_shard(
    folder: Path, key: str, images: Sequence[str], features: Mapping[MapKey, Tensor]
) -> Path:
    """Write a shard, which appears whole or not at all.

    Args:
        folder: Of the bank.
        key: Of the recipe.
        images: Content hashes.
        features: ``{(timestep, tap): (N, h, w, C)}`` of these images.

    Raises:
        OSError: The disk is full or the folder not writable; nothing of it is left.
    """
    path = folder / shard_name(images)
    record = dict(recipe=key, images=list(images), checksum=_checksum(images, features))
    tensors = {f'{timestep}/{tap}': maps for (timestep, tap), maps in features.items()}
    write_atomically(safetensors.torch.save(tensors, {_RECORD: json.dumps(record)}), path)
    return path


def shard_name(images: Iterable[str]) -> str:
    """Return the file name of the shard of these images in this order."""
    return hashlib.blake2b(''.join(images).encode(), digest_size=8).hexdigest() + SUFFIX


def find_shards(
    folder: str | Path, key: str, full: bool = False
) -> tuple[list[Shard], list[DamagedShardError]]:
    """Open all shards of a bank; files of other names are not looked at.

    Args:
        folder: Of the bank.
        key: Of its recipe.
        full: Also compare checksums, which reads everything.

    Returns:
        The sound ones, sorted by name, and what is wrong with each of the others.

    Raises:
        OSError: A shard cannot be read.
    """
    sound, damaged = [], []
    for path in sorted(Path(folder).glob(f'*{SUFFIX}')):
        if not _NAME.fullmatch(path.name):
            continue
        try:
            shard = Shard(path, key)
            if full:
                shard.verify()
        except DamagedShardError as error:
            damaged.append(error)
        else:
            sound.append(shard)
    return sound, damaged


def _key_of(name: str) -> MapKey:
    timestep, _, tap = name.partition('/')
    return int(timestep), tap


def _checksum(images: Sequence[str], features: Mapping[MapKey, Tensor]) -> str:
    digest = hashlib.blake2b(''.join(images).encode(), digest_size=16)
    for (timestep, tap), maps in sorted(features.items()):
        digest.update(f'{timestep}/{tap} {maps.dtype} {tuple(maps.shape)} '.encode())
        digest.update(maps.contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
