# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compute what a bank lacks, with one process or several, however often it is interrupted."""

import errno
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from mmengine.dist import all_gather_object, broadcast_object_list, get_rank, get_world_size
from rich.progress import Progress, track
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.feature_bank.bank import RECIPE_FILE, VERIFY, FeatureBank, read_recipe
from mmdiffrep.feature_bank.images import (
    ImageDataset,
    content_hash,
    image_name,
    read_images,
    read_sample,
)
from mmdiffrep.feature_bank.recipe import Recipe
from mmdiffrep.feature_bank.shard import find_shards, write_shard
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.checks import integer, one_of
from mmdiffrep.utils.fail_together import fail_together
from mmdiffrep.utils.folder_lock import LOCK_FILE, locked_folder

logger = logging.getLogger('mmdiffrep')

DEFAULT_ROOT = 'work_dirs/feature_banks'
SHARD_BYTES = 64 * 2**20  # greatest size of a shard of several images
SHARD_IMAGES = 256  # greatest number of images in a shard: what a kill can cost
_KEPT_BYTES = 512 * 2**20  # images kept in memory between looking at them and computing
_READ_TWICE = 8  # images by which a pipeline that draws random numbers is found


class Reader(Protocol):
    """Reader that computes the content of a bank."""

    batch_size: int

    @property
    def recipe(self) -> Recipe:
        """Return what the content depends on besides the image."""
        ...

    @property
    def bytes_per_image(self) -> int:
        """Bytes of the content per image."""
        ...

    def __call__(self, images: Sequence[Tensor]) -> dict[MapKey, Tensor]:
        """Return ``{(timestep, tap): (B, h, w, C)}`` on the CPU of images (3, H, W), 0 to 255."""
        ...


class BankBuild(NamedTuple):
    """A bank and what it took.

    Attributes:
        bank: The bank, complete.
        num_images: Different images of the data set.
        num_computed: How many of them were computed now, by all processes.
        seconds: Time for computing and writing.
    """

    bank: FeatureBank
    num_images: int
    num_computed: int
    seconds: float


def build_feature_bank(
    dataset: ImageDataset,
    reader: Reader,
    root: str | Path = DEFAULT_ROOT,
    max_bytes: int | None = None,
    verify: str = 'sizes',
    shard_images: int = SHARD_IMAGES,
    hashes: Sequence[str] | None = None,
    num_workers: int | None = None,
    folder: str | Path | None = None,
) -> BankBuild:
    """Make sure that all images of a data set are in the bank of a recipe.

    Only what is missing is computed: nothing the second time, the rest after an interruption, the
    images of a damaged shard alone. Data sets of one recipe share a bank, and an image that
    several of them hold is in it once. With several processes (``torch.distributed``) each
    computes its share of the shards; the result is the same, bit for bit, if each process has as
    many threads or a CPU's passes have 16 images or more. Another run that asks for the same bank
    meanwhile waits, and finds it complete. A complete bank is only read, so it may be on a
    read-only disk.

    Args:
        dataset: Its pipeline packs images and draws no random numbers.
        reader: What computes the features.
        root: Where banks are; this one is ``<root>/<reader.recipe.key>``.
        max_bytes: Greatest size of the bank; None: what the disk holds.
        verify: See :class:`~mmdiffrep.feature_bank.bank.FeatureBank`.
        shard_images: Greatest number of images in a shard, which is also at most 64 MiB unless
            one image is larger.
        hashes: Content hash of every sample, where the caller has read them all; None: they are
            read here.
        num_workers: Processes that read images, see
            :func:`~mmdiffrep.feature_bank.images.read_images`.
        folder: Of the bank, where it has a name; None: ``<root>/<reader.recipe.key>``.

    Raises:
        ValueError: The folder is the bank of another recipe, the bank would be larger than
            ``max_bytes``, an image cannot be read, or is another one when it is read again, or its
            features do not fit the dtype.
        OSError: The disk is full, or would be, or cannot be read or written; what is written
            stays, whole.
        RuntimeError: Another process of the run failed; says which and why.
    """
    one_of('verify', verify, VERIFY)
    integer('shard_images', shard_images, 1)
    if max_bytes is not None:
        integer('max_bytes', max_bytes, 1)
    if not len(dataset):
        raise ValueError('Expected images to store, got 0 images.')
    if folder is None:
        folder = Path(root) / reader.recipe.key
    folder = Path(folder)
    _check_recipe(folder, reader.recipe)
    kept: dict[str, Tensor] = {}
    if hashes is None:
        hashes = _look_at(dataset, num_workers, kept)
    images: dict[str, int] = {}
    for index, image in enumerate(hashes):
        images.setdefault(image, index)
    if _is_complete(folder, images, verify):
        return BankBuild(FeatureBank(folder), len(images), 0, 0.0)
    _make_writable(folder)
    with locked_folder(folder):
        missing: list[dict[str, int]] = [{}]
        with fail_together():
            if get_rank() == 0:
                bank = _clean(folder, reader, verify)
                missing = [{image: i for image, i in images.items() if image not in bank}]
                need = len(missing[0]) * reader.bytes_per_image
                _check_room(folder, bank.num_bytes, need, max_bytes)
        broadcast_object_list(missing)
        start = time.perf_counter()
        with fail_together():
            _compute(dataset, missing[0], reader, folder, shard_images, kept, num_workers)
        seconds = time.perf_counter() - start
        return BankBuild(FeatureBank(folder), len(images), len(missing[0]), seconds)


def _check_recipe(folder: Path, recipe: Recipe) -> None:
    """Check that a folder is not the bank of another recipe; a damaged one is repaired later."""
    if not (folder / RECIPE_FILE).is_file():
        return
    try:
        differences = read_recipe(folder).differences(recipe)
    except ValueError:
        return
    if differences:
        raise ValueError(
            f'{folder} is a bank of other features: {"; ".join(differences)}. Name another folder, '
            'or remove this one.'
        )


def _look_at(dataset: ImageDataset, num_workers: int | None, kept: dict[str, Tensor]) -> list[str]:
    """Return the content hash of every sample, read by all processes together.

    Args:
        dataset: Each process reads a block of its samples.
        num_workers: See :func:`build_feature_bank`.
        kept: Gets the images of this process by their hash, as far as memory allows.
    """
    rank, world, total = get_rank(), get_world_size(), len(dataset)
    block = range(total * rank // world, total * (rank + 1) // world)
    mine: list[str] = []
    room = _KEPT_BYTES
    with fail_together():
        read = read_images(dataset, block, num_workers)
        for found in track(read, 'looking at images', len(block), disable=rank != 0):
            mine.append(found.hash)
            if found.hash not in kept and room >= found.image.nbytes:
                room -= found.image.nbytes
                kept[found.hash] = found.image.clone()
        for place in range(0, len(block), max(1, len(block) // _READ_TWICE)):
            _require_same(dataset, block[place], mine[place])
    return [image for part in all_gather_object(mine) for image in part]


def _is_complete(folder: Path, images: Mapping[str, int], verify: str) -> bool:
    """Return whether a bank has all images and no damage; nothing is written."""
    answer = [False]
    with fail_together():
        if get_rank() == 0 and (folder / RECIPE_FILE).is_file():
            try:
                bank = FeatureBank(folder, verify)
            except ValueError:  # damaged: it is repaired below
                pass
            else:
                answer = [all(image in bank for image in images)]
    broadcast_object_list(answer)
    return answer[0]


def _make_writable(folder: Path) -> None:
    with fail_together():
        if get_rank() == 0:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / LOCK_FILE).touch()
            except OSError as error:
                raise OSError(
                    error.errno,
                    f'{folder} cannot be written to ({error.strerror}), and there is no complete '
                    'bank of these images in it. Name another root, or make the folder writable',
                ) from error


def _clean(folder: Path, reader: Reader, verify: str) -> FeatureBank:
    """Remove what cannot be used from a bank, and open it."""
    remove_incomplete(folder)
    write_atomically(reader.recipe.to_json().encode(), folder / RECIPE_FILE)
    _, damaged = find_shards(folder, reader.recipe.key, verify == 'full')
    for error in damaged:
        logger.warning('%s; its images are computed anew.', error)
        error.put_away()
    return FeatureBank(folder)


def _check_room(folder: Path, size: int, need: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size + need > max_bytes:
        raise ValueError(
            f'{folder} has {size:,} bytes and would need {need:,} more, which is over '
            f'max_bytes={max_bytes:,}. Allow more, or store less: fewer taps, timesteps or images, '
            'or pool.'
        )
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(
            errno.ENOSPC,
            f'{folder} would need {need:,} bytes more, but the disk has {free:,}. Free some space, '
            'name another root, or store less: fewer taps, timesteps or images, or pool',
        )


def _compute(
    dataset: ImageDataset,
    missing: Mapping[str, int],
    reader: Reader,
    folder: Path,
    shard_images: int,
    kept: dict[str, Tensor],
    num_workers: int | None,
) -> None:
    """Compute and write this process's share of the shards, which are those of any process count.

    A share is a block, like the images that a process has looked at and kept.
    """
    images = list(missing)
    number = max(1, min(shard_images, SHARD_BYTES // reader.bytes_per_image))
    parts = [images[start : start + number] for start in range(0, len(images), number)]
    rank, world = get_rank(), get_world_size()
    mine = parts[len(parts) * rank // world : len(parts) * (rank + 1) // world]
    read = _missing_images(
        dataset, {image: missing[image] for part in mine for image in part}, kept, num_workers
    )
    with Progress(disable=rank != 0 or not mine) as progress:
        task = progress.add_task('computing features', total=sum(map(len, mine)))
        for chosen in mine:
            features = []
            for start in range(0, len(chosen), reader.batch_size):
                batch = [next(read) for _ in chosen[start : start + reader.batch_size]]
                features.append(reader(batch))
                progress.advance(task, len(batch))
            whole = {key: torch.cat([part[key] for part in features]) for key in features[0]}
            write_shard(folder, reader.recipe.key, chosen, whole)


def _missing_images(
    dataset: ImageDataset,
    missing: Mapping[str, int],
    kept: dict[str, Tensor],
    num_workers: int | None,
) -> Iterator[Tensor]:
    """Yield images in order: those that were kept, the others read again."""
    again = read_images(
        dataset, [index for image, index in missing.items() if image not in kept], num_workers
    )
    for image, index in missing.items():
        if image in kept:
            yield kept.pop(image)
            continue
        found = next(again)
        if found.hash != image:
            raise _another_image(dataset, index)
        yield found.image


def _require_same(dataset: ImageDataset, index: int, expected: str) -> None:
    if content_hash(read_sample(dataset, index)['inputs']) != expected:
        raise _another_image(dataset, index)


def _another_image(dataset: ImageDataset, index: int) -> ValueError:
    return ValueError(
        f'{image_name(dataset, index)} is another image when it is read again: the pipeline '
        'draws random numbers. Features are stored of fixed images: take the pipeline of the '
        'test split, without random crops, flips and colors.'
    )
