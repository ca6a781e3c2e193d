# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch.utils.data import Dataset

from mmdiffrep.engine.hooks import ExactResumeHook
from mmdiffrep.testing.tiny_run import TinyDataset, build_tiny_runner


def _final(work_dir, name):
    checkpoint = torch.load(work_dir / name, weights_only=True)
    return {key: checkpoint[key] for key in ('state_dict', 'ema_state_dict', 'optimizer')}


def _resume_twice(tmp_path, middle, last, **options):
    """Final states of a whole run and of one resumed from its checkpoint ``middle``."""
    options = dict(checkpoint=dict(max_keep_ckpts=-1), **options)
    build_tiny_runner(str(tmp_path / 'whole'), **options).train()
    start = str(tmp_path / 'whole' / middle)
    build_tiny_runner(str(tmp_path / 'resumed'), load_from=start, **options).train()
    return _final(tmp_path / 'whole', last), _final(tmp_path / 'resumed', last)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_iterations_resumed_are_equal_bit_for_bit(tmp_path, num_workers):
    # 4 iterations pass over the data once, validation is at 3, 6 and 9
    whole, resumed = _resume_twice(tmp_path, 'iter_6.pth', 'iter_12.pth', num_workers=num_workers)
    torch.testing.assert_close(resumed, whole, rtol=0, atol=0)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_epochs_resumed_are_equal_bit_for_bit(tmp_path, num_workers):
    whole, resumed = _resume_twice(
        tmp_path, 'epoch_2.pth', 'epoch_4.pth', by_epoch=True, length=4, num_workers=num_workers
    )
    torch.testing.assert_close(resumed, whole, rtol=0, atol=0)


def _train(work_dir, sampler, seen, load_from=None, seed_batches=False, **options):
    """Collect the inputs of each iteration; with a sampler of one's choice."""
    runner = build_tiny_runner(
        str(work_dir), load_from, checkpoint=dict(max_keep_ckpts=-1), length=14, **options
    )
    runner._train_dataloader['sampler'] = dict(type=sampler, shuffle=True)
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, ExactResumeHook))
    hook.seed_batches = seed_batches
    watch = Hook()
    watch.after_train_iter = lambda runner, batch_idx, data_batch, outputs: seen.append(
        data_batch['x']
    )
    runner.register_hook(watch)
    runner.train()


@pytest.fixture
def loads(monkeypatch):
    """Indices that the training data set was asked for in this process."""
    asked = []
    plain = TinyDataset.__getitem__
    monkeypatch.setattr(
        TinyDataset, '__getitem__', lambda self, index: (asked.append(index), plain(self, index))[1]
    )
    return asked


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
@pytest.mark.parametrize('start', [2, 4, 10])
def test_batches_are_passed_over_without_loading_and_the_rest_is_equal(
    tmp_path, monkeypatch, loads, sampler, start
):
    # 4 iterations pass over the data once
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)
    whole, resumed = [], []
    _train(tmp_path / 'whole', sampler, whole, val_interval=100)
    loads.clear()
    path = str(tmp_path / 'whole' / f'iter_{start}.pth')
    _train(tmp_path / 'resumed', sampler, resumed, path, val_interval=100)
    torch.testing.assert_close(resumed, whole[start:], rtol=0, atol=0)
    finals = [_final(tmp_path / name, 'iter_14.pth') for name in ('resumed', 'whole')]
    torch.testing.assert_close(*finals, rtol=0, atol=0)
    # 6 images per batch, and the 24 of the validation at the end
    assert len(loads) == (14 - start) * 6 + 24


def test_seeded_batches_do_not_depend_on_the_workers(tmp_path):
    runs = {}
    for workers in (0, 2, 3):
        runs[workers] = []
        _train(
            tmp_path / str(workers),
            'InfiniteSampler',
            runs[workers],
            seed_batches=True,
            num_workers=workers,
        )
    torch.testing.assert_close(runs[2], runs[0], rtol=0, atol=0)
    torch.testing.assert_close(runs[3], runs[0], rtol=0, atol=0)
    resumed = []
    path = str(tmp_path / '2' / 'iter_6.pth')
    _train(tmp_path / '2r', 'InfiniteSampler', resumed, path, seed_batches=True, num_workers=2)
    torch.testing.assert_close(resumed, runs[0][6:], rtol=0, atol=0)


def test_seeded_batches_need_an_endless_sampler(tmp_path):
    with pytest.raises(ValueError, match='needs an InfiniteSampler, got DefaultSampler'):
        _train(tmp_path, 'DefaultSampler', [], seed_batches=True)


class Draws(Dataset):
    """Nothing but random numbers."""

    metainfo: ClassVar[dict] = {}

    def __len__(self):
        return 24

    def __getitem__(self, index):
        return dict(x=torch.from_numpy(np.random.random(8)).float(), label=torch.tensor(index % 3))


@pytest.mark.parametrize('num_workers', [0, 2])
def test_augmentation_of_an_epoch_is_not_that_of_the_one_before(tmp_path, num_workers):
    runner = build_tiny_runner(str(tmp_path), by_epoch=True, length=2, num_workers=num_workers)
    runner._train_dataloader['dataset'] = Draws()
    seen = []
    hook = Hook()
    hook.after_train_iter = lambda runner, batch_idx, data_batch, outputs: seen.extend(
        data_batch['x'].flatten().tolist()
    )
    runner.register_hook(hook)
    runner.train()
    assert len(seen) == len(set(seen)) == 2 * 24 * 8


def test_without_the_hook_they_differ(tmp_path):
    whole, resumed = _resume_twice(tmp_path, 'iter_6.pth', 'iter_12.pth', exact_resume=False)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(resumed, whole)


def test_validation_does_not_shift_training(tmp_path):
    finals = []
    for interval in (2, 5):
        work_dir = tmp_path / str(interval)
        build_tiny_runner(str(work_dir), length=6, val_interval=interval).train()
        finals.append(_final(work_dir, 'iter_6.pth'))
    torch.testing.assert_close(*finals, rtol=0, atol=0)


@pytest.mark.parametrize(
    ('change', 'warning'),
    [
        (lambda runner: runner.cfg.pop('randomness'), 'no seed is set'),
        (
            lambda runner: runner._train_dataloader.update(num_workers=1, persistent_workers=True),
            'persistent_workers=True',
        ),
    ],
)
def test_warns_where_it_cannot_hold(tmp_path, capsys, change, warning):
    runner = build_tiny_runner(str(tmp_path), by_epoch=True, length=1)
    change(runner)
    runner.train()
    assert warning in ''.join(capsys.readouterr())


@pytest.mark.parametrize(
    ('by_epoch', 'interval', 'window', 'warned'),
    [(False, 2, 3, True), (False, 2, 2, False), (True, 1, 3, True), (True, 1, 4, False)],
)
def test_warns_of_saves_within_an_accumulation_window(
    tmp_path, capsys, by_epoch, interval, window, warned
):
    # an epoch has 4 iterations
    build_tiny_runner(
        str(tmp_path),
        by_epoch=by_epoch,
        length=2,
        checkpoint=dict(interval=interval),
        optim_wrapper=dict(accumulative_counts=window),
    ).train()
    assert ('fall between two optimizer steps' in ''.join(capsys.readouterr())) is warned
