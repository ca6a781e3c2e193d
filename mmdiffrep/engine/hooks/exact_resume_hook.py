# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Make a resumed run equal an uninterrupted one bit for bit."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.rng import seed_all

# What the random numbers are for: the loading of a batch in this process, or the training step.
_LOAD, _STEP = 0, 1


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Derive all random numbers of iteration ``i`` from (seed, rank, ``i``).

    mmengine restores weights, optimizers, schedulers and the samplers' order, but no random state:
    dropout and augmentation differ after a resume, and so does the result. With this hook the
    random state before each training step and before each batch loaded in this process is a
    function of the run's position alone, so there is nothing to save, and validation or logging in
    between cannot shift it. Under an epoch-based loop the data loader's workers are seeded by the
    epoch as well: mmengine would start each epoch's workers with the same random numbers.

    The promise: a run resumed from any checkpoint that ``mmdiffrep.AtomicCheckpointHook`` wrote
    ends with the same bits as one that was never interrupted, given

    - ``randomness=dict(seed=...)`` in the config (with ``deterministic=True`` on a GPU);
    - the same number of processes, ``num_workers``, batch size and data;
    - a checkpoint interval that is a multiple of ``accumulative_counts``: gradients that wait to be
      accumulated are not saved;
    - under ``IterBasedTrainLoop``: nothing more. mmengine replays the batches up to the resumed
      iteration, which takes as long as loading them;
    - under ``EpochBasedTrainLoop``: checkpoints at the end of epochs, and
      ``persistent_workers=False`` if ``num_workers > 0`` and the pipeline draws random numbers
      (the random state of persistent workers depends on the epochs they have seen).

    The hook warns of a missing seed, of saves while gradients wait to be accumulated, and of
    persistent workers in an epoch-based loop.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._seed: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Check the config and take over the order of random numbers."""
        self._seed = runner.seed
        self._warn_of_limits(runner)
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            loop.dataloader_iterator = _SeededIterator(loop.dataloader_iterator, self._seed)
        self._worker_init = runner.train_dataloader.worker_init_fn

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the start of the data loader's workers and the epoch's first batch."""
        key = (self._seed, get_rank(), runner.iter, _LOAD)
        seed_all(*key)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.train_dataloader.worker_init_fn = _WorkerSeed(self._worker_init, key)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any | None = None
    ) -> None:
        """Seed for the training step."""
        seed_all(self._seed, get_rank(), runner.iter, _STEP)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Seed for the loading of the next batch."""
        seed_all(self._seed, get_rank(), runner.iter + 1, _LOAD)

    def before_val(self, runner: Runner) -> None:
        """Seed as the training step before did, also where a resumed run begins with this."""
        if self._seed is not None:
            seed_all(self._seed, get_rank(), runner.iter, _LOAD)

    def _warn_of_limits(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        if runner.cfg.get('randomness', {}).get('seed') is None:
            _warn("no seed is set: give randomness=dict(seed=0), else the data's order is random")
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and loader.persistent_workers:
            _warn(
                'persistent_workers=True with an epoch-based loop: set it to False, or draw no '
                'random numbers in the data pipeline'
            )
        wrapper = runner.optim_wrapper
        window = wrapper._accumulative_counts if isinstance(wrapper, OptimWrapper) else 1
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.interval > 0:
                steps = hook.interval * (len(loader) if hook.by_epoch else 1)
                if steps % window:
                    _warn(
                        f'checkpoints every {steps} iterations fall between two optimizer steps, '
                        f'which are {window} iterations apart (accumulative_counts)'
                    )


class _SeededIterator:
    """Seeds before each batch by the batch's position, in a replay as well."""

    def __init__(self, batches: Iterator[Any], seed: int) -> None:
        self._batches = batches
        self._seed = seed
        self._position = 0

    def __iter__(self) -> '_SeededIterator':
        return self

    def __next__(self) -> Any:
        seed_all(self._seed, get_rank(), self._position, _LOAD)
        self._position += 1
        return next(self._batches)


class _WorkerSeed:
    """Starts a worker of a data loader as it was meant to be, then seeds it by the run's position.

    A class: a spawned worker gets it as a pickle.
    """

    def __init__(self, init: Callable[[int], None] | None, key: tuple[int, ...]) -> None:
        self._init = init
        self._key = key

    def __call__(self, worker: int) -> None:
        if self._init is not None:
            self._init(worker)
        seed_all(*self._key, worker)


def _warn(reason: str) -> None:
    print_log(
        f'A resumed run will not equal an uninterrupted one bit for bit: {reason}.',
        logger='current',
        level=logging.WARNING,
    )
