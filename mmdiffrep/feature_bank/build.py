# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Computes what a bank lacks, with one process or several, as often as it is interrupted."""

import errno
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.dist import all_gather_object, broadcast_object_list, get_rank, get_world_size
from rich.progress import Progress, track
from torch import Tensor

from mmdiffrep.feature_bank.bank import RECIPE_FILE, FeatureBank, check_verify
from mmdiffrep.feature_bank.images import ImageDataset, content_hash, image_name, read_sample
from mmdiffrep.feature_bank.reader import FeatureReader
from mmdiffrep.feature_bank.shard import find_shards, write_shard
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.fail_together import fail_together
from mmdiffrep.utils.folder_lock import locked_folder

logger = logging.getLogger('mmdiffrep')

DEFAULT_ROOT = 'work_dirs/feature_banks'
SHARD_BYTES = 64 * 2**20  # greatest size of a shard of several images
SHARD_IMAGES = 256  # greatest number of images in a shard: what a kill can cost


class BankBuild(NamedTuple):
    """A bank and what it took.

    Attributes:
        bank: The bank, complete.
        num_images: Different images of the data set.
        num_computed: How many of them were computed now, by all processes.
        seconds: What computing and writing took.
    """

    bank: FeatureBank
    num_images: int
    num_computed: int
    seconds: float


def build_feature_bank(
    dataset: ImageDataset,
    reader: FeatureReader,
    root: str | Path = DEFAULT_ROOT,
    max_bytes: int | None = None,
    verify: str = 'sizes',
    shard_images: int = SHARD_IMAGES,
    hashes: Sequence[str] | None = None,
) -> BankBuild:
    """Make sure that all images of a data set are in the bank of a recipe.

    Only what is missing is computed: nothing the second time, the rest after an interruption, the
    images of a damaged shard alone. Data sets of one recipe share a bank, and an image that
    several of them hold is in it once. With several processes (``torch.distributed``) each
    computes every n-th shard; the result is the same, bit for bit. Another run that asks for the
    same bank meanwhile waits, and finds it complete.

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

    Raises:
        ValueError: The bank would be larger than ``max_bytes``, an image cannot be read, or is
            another one when it is read again, or its features do not fit the dtype.
        OSError: The disk is full, or would be; what is written stays, whole.
        RuntimeError: Another process of the run failed; says which and why.
    """
    check_verify(verify)
    if shard_images < 1 or not len(dataset):
        raise ValueError(
            f'Expected images and shard_images >= 1, got {len(dataset)} images and '
            f'shard_images={shard_images}.'
        )
    folder = Path(root) / reader.recipe.key
    folder.mkdir(parents=True, exist_ok=True)
    images: dict[str, int] = {}
    for index, image in enumerate(_hash_images(dataset) if hashes is None else hashes):
        images.setdefault(image, index)
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
            _compute(dataset, missing[0], reader, folder, shard_images)
        seconds = time.perf_counter() - start
        return BankBuild(FeatureBank(folder), len(images), len(missing[0]), seconds)


def _hash_images(dataset: ImageDataset) -> list[str]:
    """Content hash of every sample, read by all processes together."""
    rank, world = get_rank(), get_world_size()
    mine = []
    with fail_together():
        for index in track(
            range(rank, len(dataset), world), 'looking at images', disable=rank != 0
        ):
            mine.append((index, content_hash(read_sample(dataset, index)['inputs'])))
    return [image for _, image in sorted(pair for part in all_gather_object(mine) for pair in part)]


def _clean(folder: Path, reader: FeatureReader, verify: str) -> FeatureBank:
    """Remove what cannot be used from a bank, and opens it."""
    remove_incomplete(folder)
    write_atomically(reader.recipe.to_json().encode(), folder / RECIPE_FILE)
    _, damaged = find_shards(folder, reader.recipe.key, verify == 'full')
    for error in damaged:
        logger.warning('%s; its images are computed anew.', error)
        error.path.unlink()
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
    missing: dict[str, int],
    reader: FeatureReader,
    folder: Path,
    shard_images: int,
) -> None:
    """Compute and write this process's share of the shards."""
    images = list(missing)
    number = max(1, min(shard_images, SHARD_BYTES // reader.bytes_per_image))
    parts = [images[start : start + number] for start in range(0, len(images), number)]
    mine = parts[get_rank() :: get_world_size()]
    with Progress(disable=get_rank() != 0 or not mine) as progress:
        task = progress.add_task('computing features', total=sum(map(len, mine)))
        for chosen in mine:
            features = []
            for start in range(0, len(chosen), reader.batch_size):
                batch = chosen[start : start + reader.batch_size]
                features.append(reader([_read_again(dataset, missing[i], i) for i in batch]))
                progress.advance(task, len(batch))
            whole = {key: torch.cat([one[key] for one in features]) for key in features[0]}
            write_shard(folder, reader.recipe.key, chosen, whole)


def _read_again(dataset: ImageDataset, index: int, expected: str) -> Tensor:
    image = read_sample(dataset, index)['inputs']
    if content_hash(image) != expected:
        raise ValueError(
            f'{image_name(dataset, index)} is another image when it is read again: the pipeline '
            'draws random numbers. Features are stored of fixed images: take the pipeline of the '
            'test split, without random crops, flips and colors.'
        )
    return image
