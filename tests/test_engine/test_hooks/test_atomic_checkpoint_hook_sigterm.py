# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""SIGTERM stops a run once all that it has done is saved."""

import os
import signal

import pytest
import torch
from mmengine.hooks import Hook

from mmdiffrep.testing.compare_runs import differing_entries
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_saves_the_current_iteration_and_resumes_exactly(
    train, weights, call_at, undisturbed, tmp_path, capsys
):
    with pytest.raises(SystemExit) as stop:
        train(tmp_path / 'run', hooks=[call_at(4, terminate)])
    assert stop.value.code == 143
    found = find_resume_checkpoint(tmp_path / 'run')
    assert found == str(tmp_path / 'run' / 'iter_5.pth')
    assert f'after iteration 5. Resume from {found}' in ''.join(capsys.readouterr())
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    train(tmp_path / 'run', found)
    torch.testing.assert_close(
        weights(tmp_path / 'run' / 'iter_12.pth'),
        weights(undisturbed / 'iter_12.pth'),
        rtol=0,
        atol=0,
    )


def test_waits_for_accumulated_gradients(train, call_at, tmp_path):
    with pytest.raises(SystemExit):
        train(
            tmp_path,
            hooks=[call_at(4, terminate)],
            optim_wrapper=dict(accumulative_counts=4),
            checkpoint=dict(interval=100),
        )
    assert find_resume_checkpoint(tmp_path) == str(tmp_path / 'iter_8.pth')


def test_epochs_resume_from_their_end(train, call_at, tmp_path):
    # 4 iterations an epoch: stopped in the second one
    options = dict(by_epoch=True, length=3, checkpoint=dict(interval=1))
    with pytest.raises(SystemExit):
        train(tmp_path / 'inside', hooks=[call_at(5, terminate)], **options)
    assert find_resume_checkpoint(tmp_path / 'inside').endswith('epoch_1.pth')
    with pytest.raises(SystemExit):
        train(tmp_path / 'end', hooks=[call_at(7, terminate)], **options)
    assert find_resume_checkpoint(tmp_path / 'end').endswith('epoch_2.pth')


@pytest.mark.parametrize('iteration', [2, 3])
def test_a_validation_that_was_due_is_made_up(train, call_at, tmp_path, iteration):
    # the signal comes in iteration 3 or 4, and validation follows both 3 and 4
    options = dict(length=4, val_interval=1, checkpoint=dict(interval=100))
    with pytest.raises(SystemExit):
        train(tmp_path / 'run', hooks=[call_at(iteration, terminate)], **options)
    train(tmp_path / 'run', find_resume_checkpoint(tmp_path / 'run'), **options)
    train(tmp_path / 'undisturbed', **options)
    assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []


def test_a_replay_is_left_at_once(train, checkpoints, undisturbed, tmp_path, capfd):
    loaded = []

    class Loaded(Hook):
        def before_train_epoch(self, runner):
            batches = runner.train_loop.dataloader_iterator
            runner.train_loop.dataloader_iterator = map(self.load, batches)

        def load(self, batch):
            loaded.append(batch)
            if len(loaded) == 3:
                terminate()
            return batch

    with pytest.raises(SystemExit) as stop:
        train(tmp_path, str(undisturbed / 'iter_10.pth'), hooks=[Loaded()])
    assert stop.value.code == 143 and len(loaded) == 3
    assert 'SIGTERM received: all of it is saved, stopping.' in capfd.readouterr().err
    assert checkpoints(tmp_path) == []


def test_a_validation_behind_a_checkpoint_is_left_at_once(train, tmp_path):
    hook, seen = Hook(), []
    hook.before_val_iter = lambda runner, batch_idx, data_batch: (
        seen.append(batch_idx),
        terminate(),
    )
    options = dict(length=6, val_interval=4)
    with pytest.raises(SystemExit) as stop:
        train(tmp_path, hooks=[hook], **options)
    assert stop.value.code == 143 and seen == [0]
    assert find_resume_checkpoint(tmp_path) == str(tmp_path / 'iter_4.pth')


def test_another_validation_is_finished_and_saved(train, tmp_path):
    hook, seen = Hook(), []
    hook.before_val_iter = lambda runner, batch_idx, data_batch: (
        seen.append(batch_idx),
        seen == [0] and terminate(),
    )
    options = dict(length=6, val_interval=3)
    with pytest.raises(SystemExit):
        train(tmp_path / 'run', hooks=[hook], **options)
    assert seen == [0, 1, 2, 3]
    found = find_resume_checkpoint(tmp_path / 'run')
    assert found == str(tmp_path / 'run' / 'iter_3.pth')
    train(tmp_path / 'run', found, **options)
    train(tmp_path / 'undisturbed', **options)
    assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []


def test_a_failed_run_gives_the_signal_back(train, call_at, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, hooks=[call_at(1, fail)])
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
    assert after == before


def test_can_be_switched_off(train, call_at, tmp_path):
    received = []
    before = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    train(tmp_path, hooks=[call_at(1, terminate)], checkpoint=dict(save_on_sigterm=False))
    signal.signal(signal.SIGTERM, before)
    assert received
