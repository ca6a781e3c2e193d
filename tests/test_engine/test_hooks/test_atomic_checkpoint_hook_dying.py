# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Runs that die while they save leave files that resume."""

import errno
import os

import pytest
import torch
from mmengine.hooks import Hook

from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.utils import atomic_file
from mmdiffrep.utils.atomic_file import AtomicLocalBackend
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint, is_complete


@pytest.fixture
def events(monkeypatch, tmp_path):
    """Names of the run's files that were put in place and, with a minus, removed."""
    recorded = []
    replace, remove = os.replace, AtomicLocalBackend.remove

    def recorded_replace(source, target):
        if os.fspath(target).startswith(str(tmp_path)):  # libraries fill their caches
            recorded.append(os.path.basename(target))
        replace(source, target)

    def recorded_remove(backend, path):
        recorded.append(f'-{os.path.basename(path)}')
        remove(backend, path)

    monkeypatch.setattr(atomic_file.os, 'replace', recorded_replace)
    monkeypatch.setattr(AtomicLocalBackend, 'remove', recorded_remove)
    return recorded


def test_old_files_go_last(train, tmp_path, events):
    train(tmp_path, length=6, checkpoint=dict(max_keep_ckpts=1, save_best=None))
    assert events == [
        *('iter_2.pth', 'last_checkpoint'),
        *('iter_4.pth', 'last_checkpoint', '-iter_2.pth'),
        *('iter_6.pth', 'last_checkpoint', '-iter_4.pth'),
    ]


def test_old_best_goes_last(train, tmp_path, events):
    scores = iter([0.1, 0.2])
    hook = Hook()
    hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
    train(tmp_path, hooks=[hook], length=6, checkpoint=dict(interval=3))
    assert events[-4:] == [
        *('best_acc_iter_6.pth', 'iter_6.pth', 'last_checkpoint'),
        '-best_acc_iter_3.pth',
    ]


@pytest.mark.parametrize('operation', range(1, 11))
def test_full_disk_leaves_a_run_that_resumes(train, checkpoints, weights, tmp_path, operation):
    # 10 operations for the first save, checkpoint and pointer; it strikes in the second
    options = dict(length=4, checkpoint=dict(max_keep_ckpts=1, save_best=None))
    with FileFault(10 + operation, full_disk=True).installed(), pytest.raises(OSError) as error:
        train(tmp_path / 'run', **options)
    assert error.value.errno == errno.ENOSPC
    assert 'Could not write' in str(error.value)
    found = find_resume_checkpoint(tmp_path / 'run')
    assert is_complete(found)
    # the rename that makes the new file count is operation 4
    assert os.path.basename(found) == ('iter_2.pth' if operation <= 4 else 'iter_4.pth')

    train(tmp_path / 'run', found, **options)
    train(tmp_path / 'undisturbed', **options)
    assert checkpoints(tmp_path / 'run') == ['iter_4.pth']
    torch.testing.assert_close(
        weights(tmp_path / 'run' / 'iter_4.pth'),
        weights(tmp_path / 'undisturbed' / 'iter_4.pth'),
        rtol=0,
        atol=0,
    )


def test_what_was_to_be_removed_is_removed_on_resuming(train, checkpoints, tmp_path, monkeypatch):
    def die(backend, path):
        raise KeyboardInterrupt

    scores = iter([0.1, 0.2, 0.1])
    hook = Hook()
    hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
    options = dict(length=9, checkpoint=dict(interval=3, max_keep_ckpts=1), hooks=[hook])
    with monkeypatch.context() as patch:
        patch.setattr(AtomicLocalBackend, 'remove', die)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, **options)
    found = find_resume_checkpoint(tmp_path)
    assert checkpoints(tmp_path) == ['best_acc_iter_3.pth', 'iter_3.pth', 'iter_6.pth']
    scores = iter([0.2, 0.1])  # the validation after 6 is made up
    train(tmp_path, found, **options)
    assert len(checkpoints(tmp_path)) == 2


def test_state_that_needs_code_is_refused(train, tmp_path):
    hook = Hook()
    hook.before_save_checkpoint = lambda runner, checkpoint: checkpoint.update(mine=print)
    with pytest.raises(TypeError, match=r"'mine' is a builtins\.builtin_function"):
        train(tmp_path, hooks=[hook], length=2)
