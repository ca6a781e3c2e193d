# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A shard: the features of some images in one safetensors file, which is never changed.

Why safetensors and not numpy's memmap: it knows bfloat16, its header says what the file holds and
how long it must be, any tool can open it, and torch maps it into memory without a copy. Maps are
stored as (image, h, w, C): the channels of a pixel lie side by side, so that probes of single
pixels read one page, and the maps are channels-last tensors as they are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mmdiffrep.feature_bank.reader import MapKey
from mmdiffrep.utils.atomic_file import write_atomically

SUFFIX = '.safetensors'
# One entry of the header: safetensors writes several in any order, and equal features are to be
# equal files.
_RECORD = 'mmdiffrep'


class DamagedShardError(ValueError):
    """A shard that cannot be used.

    Args:
        path: Of the file, in the message and as attribute.
        reason: Why, as the end of a sentence that begins with the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f'{path} {reason}')
        self.path = path


class Shard:
    """A shard that is there, its size and header checked.

    Args:
        path: Of the file.
        key: Of the recipe that it must have been made by.

    Attributes:
        path: As given.
        images: Content hashes, one a row.
        num_bytes: Size of the file.

    Raises:
        DamagedShardError: The file is cut or no shard, belongs to another recipe, or does not hold
            the images that its name stands for.
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
        except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
            reason = f'({self.num_bytes} bytes) is damaged or truncated: {error!r}'
            raise DamagedShardError(path, reason) from error
        if made_by != key:
            raise DamagedShardError(path, f'is stale: made by the recipe {made_by}, not {key}')
        if path.name != shard_name(images) or rows != {len(images)}:
            raise DamagedShardError(path, 'does not hold the images that its name stands for')
        self.images: list[str] = images

    def tensors(self) -> dict[MapKey, Tensor]:
        """Map the file into memory.

        Returns:
            ``{(timestep, tap): (N, h, w, C)}``; what is read of it is read from the file, and the
            system keeps it in memory as long as there is room.
        """
        with safe_open(self.path, framework='pt') as file:
            return {_key_of(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def verify(self) -> None:
        """Read all of it and compare the checksum.

        Raises:
            DamagedShardError: It differs.
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
    """Look at all shards of a bank.

    Args:
        folder: Of the bank.
        key: Of its recipe.
        full: Also compare checksums, which reads everything.

    Returns:
        The sound ones, sorted by name, and what is wrong with each of the others.
    """
    sound, damaged = [], []
    for path in sorted(Path(folder).glob(f'*{SUFFIX}')):
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
        digest.update(maps.contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
