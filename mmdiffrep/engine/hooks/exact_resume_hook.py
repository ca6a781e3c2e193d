# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Make a resumed run equal an uninterrupted one bit for bit."""

import logging
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdiffrep.engine.batch_positions import (
    LOAD,
    STEP,
    EpochWorkerSeed,
    SeededBatches,
    WorkerSeeds,
    batches_from,
)
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import of_type
from mmdiffrep.utils.rng import seed_all


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
    - under ``IterBasedTrainLoop``: nothing more. The batches up to the resumed iteration are passed
      over in the sampler where the random numbers of each are a function of its position: with
      ``num_workers=0``, or with ``seed_batches``. Otherwise mmengine replays them, which takes as
      long as loading them;
    - under ``EpochBasedTrainLoop``: checkpoints at the end of epochs, and
      ``persistent_workers=False`` if ``num_workers > 0`` and the pipeline draws random numbers
      (the random state of persistent workers depends on the epochs they have seen).

    The hook warns of a missing seed, of saves while gradients wait to be accumulated, and of
    persistent workers in an epoch-based loop.

    Args:
        seed_batches: Seed each batch in the data loader's workers by its position, as without
            workers, instead of each worker once. Augmentation then does not depend on
            ``num_workers``, and a resume takes seconds. Needs an ``IterBasedTrainLoop`` and an
            ``InfiniteSampler``. Defaults to False.

    Raises:
        ValueError: When training starts: ``seed_batches`` with another loop or sampler.
    """

    priority = 'VERY_HIGH'

    def __init__(self, seed_batches: bool = False) -> None:
        self.seed_batches = of_type('seed_batches', seed_batches, bool)
        self._seed: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Check the config and take over the order of random numbers."""
        self._seed = runner.seed
        self._warn_of_limits(runner)
        self._worker_init = runner.train_dataloader.worker_init_fn
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self._seed_loop(runner)
        elif self.seed_batches:
            raise ValueError('seed_batches needs an IterBasedTrainLoop')

    def _seed_loop(self, runner: Runner) -> None:
        loop, start = runner.train_loop, runner.iter
        loader = loop.dataloader
        if self.seed_batches:
            if not isinstance(loader.sampler, InfiniteSampler):
                raise ValueError(
                    f'seed_batches needs an InfiniteSampler, got {type(loader.sampler).__name__}'
                )
            WorkerSeeds(loader, self._seed, start)
        by_position = self.seed_batches or loader.num_workers == 0
        later = batches_from(loop, start) if by_position and (start or self.seed_batches) else None
        if later is None:
            loop.dataloader_iterator = SeededBatches(loop.dataloader_iterator, self._seed)
            return
        loop.dataloader_iterator = SeededBatches(later, self._seed, skipped=start)
        if start:
            runner.logger.info(f'{start} batches are passed over in the sampler, without loading.')

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the start of the data loader's workers and the epoch's first batch."""
        key = (self._seed, get_rank(), runner.iter, LOAD)
        seed_all(*key)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.train_dataloader.worker_init_fn = EpochWorkerSeed(self._worker_init, key)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed for the training step."""
        seed_all(self._seed, get_rank(), runner.iter, STEP)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Seed for the loading of the next batch."""
        seed_all(self._seed, get_rank(), runner.iter + 1, LOAD)

    def before_val(self, runner: Runner) -> None:
        """Seed as the training step before did, also where a resumed run begins with this."""
        if self._seed is not None:
            seed_all(self._seed, get_rank(), runner.iter, LOAD)

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


def _warn(reason: str) -> None:
    print_log(
        f'A resumed run will not equal an uninterrupted one bit for bit: {reason}.',
        logger='current',
        level=logging.WARNING,
    )
