# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Random numbers of a batch by its position in the run, and the way to a position.

Where they are a function of the position alone, the batches before it need not be loaded.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dist import get_rank
from mmengine.runner import IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import BatchSampler, DataLoader, get_worker_info

from mmdiffrep.utils.rng import seed_all

# What random numbers are for: the loading of a batch, or the training step.
LOAD, STEP = 0, 1


class SeededBatches:
    """Seeds before each batch by the batch's position, in a replay as well.

    Args:
        batches: The batches from position ``skipped`` on.
        seed: Of the run.
        skipped: Number of batches that are not there; in their place comes None.
    """

    def __init__(self, batches: Iterator[Any], seed: int, skipped: int = 0) -> None:
        self._batches = batches
        self._seed = seed
        self._skipped = skipped
        self._position = 0

    def __iter__(self) -> 'SeededBatches':
        return self

    def __next__(self) -> Any:
        position = self._position
        self._position += 1
        if position < self._skipped:
            return None
        seed_all(self._seed, get_rank(), position, LOAD)
        return next(self._batches)


class WorkerSeeds:
    """Seeds each worker of a data loader before each of its batches, by the batch's position.

    A batch then is the same as one loaded without workers.

    Args:
        loader: Gets this as its ``worker_init_fn`` and ``collate_fn``.
        seed: Of the run.
        start: Position of the loader's first batch.
    """

    def __init__(self, loader: DataLoader, seed: int, start: int) -> None:
        self._init, self._collate = loader.worker_init_fn, loader.collate_fn
        self._seed = seed
        self._rank = get_rank()
        self._position = start
        loader.worker_init_fn, loader.collate_fn = self.start_worker, self.collate

    def start_worker(self, worker: int) -> None:
        """Start a worker as it was meant to be, and seed its first batch."""
        if self._init is not None:
            self._init(worker)
        self._position += worker
        seed_all(self._seed, self._rank, self._position, LOAD)

    def collate(self, samples: list[Any]) -> Any:
        """Collate a batch, and seed the worker's next one: workers take turns."""
        batch = self._collate(samples)
        worker = get_worker_info()
        if worker is not None:
            self._position += worker.num_workers
            seed_all(self._seed, self._rank, self._position, LOAD)
        return batch


def batches_from(loop: IterBasedTrainLoop, start: int) -> Iterator[Any] | None:
    """Return a loop's batches from a position on; those before are passed over by the sampler.

    Args:
        loop: Its own iterator must not be used afterwards.
        start: Number of batches to pass over.

    Returns:
        None where that is not possible: the batches are not consecutive numbers of mmengine's
        samplers.
    """
    loader = loop.dataloader
    batch_sampler = loader.batch_sampler
    if type(batch_sampler) is not BatchSampler:
        return None
    sampler = batch_sampler.sampler
    epoch, rest = None, start
    if type(sampler) is InfiniteSampler:
        sampler.indices = sampler._indices_of_rank()  # workers have taken some in advance
    elif type(sampler) is DefaultSampler:
        epoch, rest = divmod(start, len(loader))
    else:
        return None
    batch_sampler.sampler = _LaterSampler(sampler, rest * batch_sampler.batch_size, epoch)
    loader._iterator = None  # persistent workers would go on as they were started
    batches = _InfiniteDataloaderIterator(loader)
    batches._epoch = epoch or 0
    return batches


class _LaterSampler:
    """Leaves out the first indices of a sampler, once."""

    def __init__(self, sampler: Any, skipped: int, epoch: int | None) -> None:
        self._sampler = sampler
        self._skipped = skipped
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        skipped, self._skipped = self._skipped, 0
        if self._epoch is not None:  # a hook sets epoch 0 at the start of the loop
            self._sampler.set_epoch(self._epoch)
            self._epoch = None
        return itertools.islice(iter(self._sampler), skipped, None)

    def __len__(self) -> int:
        return len(self._sampler)


class EpochWorkerSeed:
    """Starts a worker of a data loader as it was meant to be, then seeds it by the run's position.

    A class: a spawned worker gets it as a pickle.
    """

    def __init__(self, init: Callable[[int], None] | None, key: tuple[int, ...]) -> None:
        self._init = init
        self._key = key

    def __call__(self, worker: int) -> None:
        """Start worker number ``worker``."""
        if self._init is not None:
            self._init(worker)
        seed_all(*self._key, worker)
