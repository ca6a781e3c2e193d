# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Random numbers of a batch by its position, and the way there without loading what is before."""

import pickle
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from mmdiffrep.engine.batch_positions import EpochWorkerSeed, SeededBatches, batches_from

DATA = TensorDataset(torch.arange(10))


def drawn(count, skipped=0, seed=3):
    """Random numbers of positions 0 to count - 1; those that are skipped are None."""
    batches = SeededBatches(iter(lambda: torch.rand(1).item(), None), seed, skipped)
    return [next(batches) for _ in range(count)]


def test_random_numbers_are_a_function_of_seed_and_position():
    whole = drawn(5)
    torch.rand(7)
    assert drawn(5) == whole and len(set(whole)) == 5
    assert drawn(5, skipped=3) == [None, None, None, *whole[3:]]
    assert not set(drawn(5, seed=4)) & set(whole)


def loop_of(sampler):
    sampler = sampler(DATA, shuffle=True, seed=5)
    return SimpleNamespace(dataloader=DataLoader(DATA, batch_size=3, sampler=sampler))


def taken(batches, count):
    return [next(batches)[0].tolist() for _ in range(count)]


@pytest.mark.parametrize('sampler', [InfiniteSampler, DefaultSampler])
@pytest.mark.parametrize('start', [0, 2, 4, 9])
def test_batches_from_a_position_are_those_of_the_whole_run(monkeypatch, sampler, start):
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)
    whole = taken(_InfiniteDataloaderIterator(loop_of(sampler).dataloader), 12)
    assert len({tuple(batch) for batch in whole}) > 8
    assert taken(batches_from(loop_of(sampler), start), 12 - start) == whole[start:]


def test_other_samplers_are_not_passed_over():
    loader = DataLoader(DATA, batch_size=3, sampler=RandomSampler(DATA))
    assert batches_from(SimpleNamespace(dataloader=loader), 2) is None
    own = DataLoader(DATA, batch_sampler=[[0, 1], [2, 3]])
    assert batches_from(SimpleNamespace(dataloader=own), 1) is None


def started(worker):
    torch.manual_seed(1000 + worker)


def test_a_worker_is_started_as_it_was_meant_to_be_and_then_seeded():
    start = pickle.loads(pickle.dumps(EpochWorkerSeed(started, (3, 0, 8))))
    numbers = {}
    for worker in (0, 1, 0):
        start(worker)
        numbers.setdefault(worker, []).append(torch.rand(1).item())
    assert numbers[0][0] == numbers[0][1] != numbers[1][0]
    EpochWorkerSeed(None, (3, 0, 8))(1)  # of a loader without a function of its own
    assert torch.rand(1).item() == numbers[1][0]
