# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Wherever a run is killed, the resumed one ends as if nothing had been."""

from contextlib import suppress
from unittest import mock

import pytest
from mmengine.runner import Runner

from mmdiffrep.testing.compare_runs import differing_entries
from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.testing.tiny_run import run
from mmdiffrep.utils.atomic_file import AtomicLocalBackend

RUNS = {
    'iterations': dict(length=6, val_interval=3, checkpoint=dict(interval=2, max_keep_ckpts=2)),
    'validation at checkpoints': dict(length=6, val_interval=2, checkpoint=dict(interval=2)),
    'only the last validation': dict(length=4, val_interval=4, checkpoint=dict(interval=2)),
    'two best files': dict(
        length=6, val_interval=2, checkpoint=dict(save_best=['acc', 'confidence'], rule='greater')
    ),
    'accumulation': dict(
        length=8,
        val_interval=3,
        checkpoint=dict(interval=4),
        optim_wrapper=dict(accumulative_counts=2),
    ),
    'epochs': dict(by_epoch=True, length=3, val_interval=1, checkpoint=dict(interval=1)),
    'epochs, rare checkpoints': dict(
        by_epoch=True, length=3, val_interval=1, checkpoint=dict(interval=2)
    ),
}


class Killed(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


class Events(FileFault):
    """Counts file operations, removals and hook calls of a run, and ends it before one of them."""

    def step(self):
        self.count += 1
        if self.count == self._operation:
            raise Killed


def _run(work_dir, kill_at=0, **options):
    """Run until an event, or to the end; return the number of events."""
    events = Events(kill_at)

    def counted(function):
        def step(*args, **kwargs):
            events.step()
            return function(*args, **kwargs)

        return step

    with (
        suppress(Killed),
        events.installed(),
        mock.patch.object(Runner, 'call_hook', counted(Runner.call_hook)),
        mock.patch.object(AtomicLocalBackend, 'remove', counted(AtomicLocalBackend.remove)),
    ):
        run(str(work_dir), **options)
    return events.count


def _differing_kills(tmp_path, name, choose):
    """Kill at each chosen event and resume; return the events after which the end is another."""
    options = RUNS[name]
    count = _run(tmp_path / 'undisturbed', **options)
    differing = {}
    for event in choose(range(1, count + 1)):
        work_dir = tmp_path / str(event)
        _run(work_dir, event, **options)
        _run(work_dir, **options)
        if found := differing_entries(str(work_dir), str(tmp_path / 'undisturbed')):
            differing[event] = found
    return differing


@pytest.mark.parametrize('name', RUNS)
def test_a_killed_and_resumed_run_ends_like_an_undisturbed_one(tmp_path, name):
    offset = 5 + list(RUNS).index(name)
    assert _differing_kills(tmp_path, name, lambda all: all[offset::17]) == {}


@pytest.mark.slow
@pytest.mark.parametrize('name', RUNS)
def test_at_every_event(tmp_path, name):
    assert _differing_kills(tmp_path, name, lambda all: all) == {}


@pytest.mark.parametrize('name', ['iterations', 'only the last validation', 'accumulation'])
def test_killed_twice(tmp_path, name):
    options = RUNS[name]
    count = _run(tmp_path / 'undisturbed', **options)
    for first, second in ((0.5, 0.2), (0.8, 0.1), (0.95, 0.3)):
        work_dir = tmp_path / str(first)
        _run(work_dir, int(first * count), **options)
        _run(work_dir, int(second * count), **options)
        _run(work_dir, **options)
        assert differing_entries(str(work_dir), str(tmp_path / 'undisturbed')) == []
