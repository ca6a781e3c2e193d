# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import errno
import json
import multiprocessing
import os
import shutil
import signal
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import find_latest_checkpoint
from torch import distributed

from mmdiffrep.engine.hooks import AtomicCheckpointHook
from mmdiffrep.testing.compare_runs import differing_entries
from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.testing.tiny_run import build_tiny_runner
from mmdiffrep.utils import atomic_file
from mmdiffrep.utils.atomic_file import AtomicLocalBackend
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint, is_complete


def _train(work_dir, load_from=None, hooks=(), val_workers=0, **options):
    runner = build_tiny_runner(str(work_dir), load_from=load_from, **options)
    runner._val_dataloader['num_workers'] = val_workers
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def _checkpoints(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith('.pth'))


def _weights(path):
    return torch.load(path, weights_only=True)['state_dict']


class _At(Hook):
    """Calls a function at the start of one iteration, counted from 0."""

    priority = 'LOWEST'  # when the checkpoint hook knows that the iteration has begun

    def __init__(self, iteration, function):
        self._iteration = iteration
        self._function = function

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self._iteration:
            self._function()


def _terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def _terminate_group():
    """As a scheduler does: the data workers get the signal too."""
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGTERM)
        worker.join()
    _terminate()


class _BetweenIterations(Hook):
    """Ends the group where the next thing is a batch."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 2:
            _terminate_group()


def _one_of_two(rank, work_dir, port):
    address = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), LOCAL_RANK=str(rank))
    os.environ.update(address)
    distributed.init_process_group('gloo', rank=rank, world_size=2)
    hooks = [_BetweenIterations()] if rank == 1 else []
    try:
        _train(work_dir, hooks=hooks, num_workers=1, checkpoint=dict(interval=100))
    except SystemExit as stop:
        os._exit(stop.code)
    os._exit(0)


@pytest.fixture(autouse=True)
def keep_handlers():
    numbers = (signal.SIGTERM, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    """Of an undisturbed run of 12 iterations."""
    work_dir = tmp_path_factory.mktemp('run')
    (work_dir / '.iter_1.pth.incomplete').touch()
    _train(work_dir)
    return work_dir


class TestFiles:
    def test_names_are_those_of_mmengine(self, work_dir):
        assert [name for name in _checkpoints(work_dir) if not name.startswith('best_')] == [
            'iter_10.pth',
            'iter_12.pth',
        ]
        assert len([name for name in _checkpoints(work_dir) if name.startswith('best_acc_')]) == 1
        assert find_latest_checkpoint(work_dir) == str(work_dir / 'iter_12.pth')

    def test_leftovers_of_a_killed_save_are_removed(self, work_dir):
        assert [path.name for path in work_dir.glob('.*')] == ['.lock']

    def test_load_without_running_code(self, work_dir):
        for name in _checkpoints(work_dir):
            checkpoint = torch.load(work_dir / name, weights_only=True)
            assert checkpoint['meta']['dataset_meta']['classes'] == ('a', 'b', 'c')
            assert checkpoint['meta']['dataset_meta']['sigmas'] == pytest.approx([0.1, 0.2, 0.3])
        assert isinstance(checkpoint['message_hub']['runtime_info']['best_score'], float)

    def test_stock_mmengine_resumes_from_them(self, work_dir, tmp_path):
        stock = dict(type=CheckpointHook)
        path = str(work_dir / 'iter_10.pth')
        runner = _train(tmp_path, path, checkpoint=stock)
        assert runner.iter == 12
        # the log is not carried over, which only smooths its first lines
        assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 2

    def test_what_a_checkpoint_knows_does_not_show_in_the_log(self, tmp_path):
        runner = _train(tmp_path, length=2, val_interval=2)
        assert runner.message_hub.get_info('awaits_validation') is False
        (log,) = tmp_path.glob('*/vis_data/scalars.json')
        last = json.loads(log.read_text().splitlines()[-1])
        assert last.keys() == {'acc', 'confidence', 'data_time', 'time', 'step'}

    def test_log_and_best_score_are_resumed(self, work_dir, tmp_path, capsys):
        runner = build_tiny_runner(str(tmp_path), load_from=str(work_dir / 'iter_10.pth'))
        runner.train()
        history = runner.message_hub.get_scalar('train/loss')
        assert isinstance(history, HistoryBuffer)
        assert len(history.data[0]) == 12
        assert isinstance(runner.message_hub.get_info('best_score'), (float, np.floating))
        assert 'metainfo from the resumed checkpoint is different' not in ''.join(
            capsys.readouterr()
        )


class TestOptions:
    @pytest.mark.parametrize('by_epoch', [False, True])
    def test_max_keep_ckpts_and_interval(self, tmp_path, by_epoch):
        _train(
            tmp_path,
            by_epoch=by_epoch,
            length=5,
            checkpoint=dict(interval=1, max_keep_ckpts=3, save_best=None),
        )
        unit = 'epoch' if by_epoch else 'iter'
        assert _checkpoints(tmp_path) == [f'{unit}_{number}.pth' for number in (3, 4, 5)]

    @pytest.mark.parametrize('save_best', ['acc', 'auto', ['acc', 'half']])
    def test_save_best(self, tmp_path, save_best):
        scores = iter([0.2, 0.5, 0.4])

        def evaluate(runner, metrics):
            metrics['acc'] = next(scores)
            metrics['half'] = metrics['acc'] if metrics['acc'] < 0.5 else 0.1

        hook = Hook()
        hook.after_val_epoch = evaluate
        runner = _train(
            tmp_path,
            hooks=[hook],
            length=9,
            checkpoint=dict(save_best=save_best, rule='greater', interval=100, save_last=False),
        )
        best = ['best_acc_iter_6.pth']
        if isinstance(save_best, list):
            best += ['best_half_iter_9.pth']
            assert runner.message_hub.get_info('best_score_half') == 0.4
        else:
            assert runner.message_hub.get_info('best_score') == 0.5
        assert _checkpoints(tmp_path) == best

    def test_unknown_metric_of_save_best_lists_those_there_are(self, tmp_path):
        options = dict(length=4, val_interval=4)
        with pytest.raises(ValueError, match=r"save_best='ac', but the validation gave acc, conf"):
            _train(tmp_path, checkpoint=dict(save_best='ac', rule='greater'), **options)
        # the run is not lost: with the right name the validation is made up
        _train(tmp_path, find_resume_checkpoint(tmp_path), **options)
        assert 'best_acc_iter_4.pth' in _checkpoints(tmp_path)

    @pytest.mark.parametrize('copied', [False, True])
    def test_a_moved_or_copied_work_dir_keeps_its_own_files(self, tmp_path, copied):
        scores = iter([0.1, 0.2])
        hook = Hook()
        hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
        options = dict(val_interval=2, checkpoint=dict(max_keep_ckpts=1), hooks=[hook])
        _train(tmp_path / 'old', length=2, **options)
        (shutil.copytree if copied else shutil.move)(tmp_path / 'old', tmp_path / 'new')
        _train(tmp_path / 'new', find_resume_checkpoint(tmp_path / 'new'), length=4, **options)
        assert _checkpoints(tmp_path / 'new') == ['best_acc_iter_4.pth', 'iter_4.pth']
        if copied:
            assert _checkpoints(tmp_path / 'old') == ['best_acc_iter_2.pth', 'iter_2.pth']

    def test_published_keys(self, tmp_path):
        options = dict(published_keys=['meta', 'state_dict'])
        _train(tmp_path, length=4, val_interval=4, checkpoint=options)
        published = [name for name in _checkpoints(tmp_path) if '-' in name]
        assert {name.split('-')[0] for name in published} == {'iter_4', 'best_acc_iter_4'}
        for name in published:
            assert set(torch.load(tmp_path / name, weights_only=True)) == {'meta', 'state_dict'}

    def test_out_dir(self, tmp_path):
        _train(tmp_path / 'run', length=2, checkpoint=dict(out_dir=str(tmp_path / 'elsewhere')))
        assert _checkpoints(tmp_path / 'run') == []
        found = find_resume_checkpoint(tmp_path / 'run')
        assert found == str(tmp_path / 'elsewhere' / 'run' / 'iter_2.pth')

    def test_save_optimizer_and_scheduler(self, tmp_path):
        options = dict(save_optimizer=False, save_param_scheduler=False, filename_tmpl='at_{}.pth')
        _train(tmp_path, length=2, checkpoint=options)
        checkpoint = torch.load(tmp_path / 'at_2.pth', weights_only=True)
        assert not {'optimizer', 'param_schedulers'} & set(checkpoint)

    def test_other_storage_is_left_alone(self, tmp_path):
        runner = _train(tmp_path, length=2, checkpoint=dict(backend_args=dict(backend='local')))
        hook = next(hook for hook in runner.hooks if isinstance(hook, AtomicCheckpointHook))
        assert not isinstance(hook.file_backend, AtomicLocalBackend)

    def test_unknown_option_is_an_error(self):
        with pytest.raises(TypeError, match=r"no option 'max_keep'.*max_keep_ckpts"):
            AtomicCheckpointHook(max_keep=3)


class TestDyingWhileSaving:
    @pytest.fixture
    def events(self, monkeypatch):
        """Names of the files that were put in place and, with a minus, removed."""
        recorded = []
        replace, remove = os.replace, AtomicLocalBackend.remove

        def recorded_replace(source, target):
            recorded.append(os.path.basename(target))
            replace(source, target)

        def recorded_remove(backend, path):
            recorded.append(f'-{os.path.basename(path)}')
            remove(backend, path)

        monkeypatch.setattr(atomic_file.os, 'replace', recorded_replace)
        monkeypatch.setattr(AtomicLocalBackend, 'remove', recorded_remove)
        return recorded

    def test_old_files_go_last(self, tmp_path, events):
        _train(tmp_path, length=6, checkpoint=dict(max_keep_ckpts=1, save_best=None))
        assert events == [
            *('iter_2.pth', 'last_checkpoint'),
            *('iter_4.pth', 'last_checkpoint', '-iter_2.pth'),
            *('iter_6.pth', 'last_checkpoint', '-iter_4.pth'),
        ]

    def test_old_best_goes_last(self, tmp_path, events):
        scores = iter([0.1, 0.2])
        hook = Hook()
        hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
        _train(tmp_path, hooks=[hook], length=6, checkpoint=dict(interval=3))
        assert events[-4:] == [
            *('best_acc_iter_6.pth', 'iter_6.pth', 'last_checkpoint'),
            '-best_acc_iter_3.pth',
        ]

    @pytest.mark.parametrize('operation', range(1, 11))
    def test_full_disk_leaves_a_run_that_resumes(self, tmp_path, operation):
        # 10 operations for the first save, checkpoint and pointer; it strikes in the second
        options = dict(length=4, checkpoint=dict(max_keep_ckpts=1, save_best=None))
        with FileFault(10 + operation, full_disk=True).installed(), pytest.raises(OSError) as error:
            _train(tmp_path / 'run', **options)
        assert error.value.errno == errno.ENOSPC
        assert 'Could not write' in str(error.value)
        found = find_resume_checkpoint(tmp_path / 'run')
        assert is_complete(found)
        # the rename that makes the new file count is operation 4
        assert os.path.basename(found) == ('iter_2.pth' if operation <= 4 else 'iter_4.pth')

        _train(tmp_path / 'run', found, **options)
        _train(tmp_path / 'undisturbed', **options)
        assert _checkpoints(tmp_path / 'run') == ['iter_4.pth']
        torch.testing.assert_close(
            _weights(tmp_path / 'run' / 'iter_4.pth'),
            _weights(tmp_path / 'undisturbed' / 'iter_4.pth'),
            rtol=0,
            atol=0,
        )

    def test_what_was_to_be_removed_is_removed_on_resuming(self, tmp_path, monkeypatch):
        def die(backend, path):
            raise KeyboardInterrupt

        scores = iter([0.1, 0.2, 0.1])
        hook = Hook()
        hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
        options = dict(length=9, checkpoint=dict(interval=3, max_keep_ckpts=1), hooks=[hook])
        with monkeypatch.context() as patch:
            patch.setattr(AtomicLocalBackend, 'remove', die)
            with pytest.raises(KeyboardInterrupt):
                _train(tmp_path, **options)
        found = find_resume_checkpoint(tmp_path)
        assert _checkpoints(tmp_path) == ['best_acc_iter_3.pth', 'iter_3.pth', 'iter_6.pth']
        scores = iter([0.2, 0.1])  # the validation after 6 is made up
        _train(tmp_path, found, **options)
        assert len(_checkpoints(tmp_path)) == 2

    def test_state_that_needs_code_is_refused(self, tmp_path):
        hook = Hook()
        hook.before_save_checkpoint = lambda runner, checkpoint: checkpoint.update(mine=print)
        with pytest.raises(TypeError, match=r"'mine' is a builtins\.builtin_function"):
            _train(tmp_path, hooks=[hook], length=2)


class TestSigterm:
    def test_saves_the_current_iteration_and_resumes_exactly(self, work_dir, tmp_path, capsys):
        with pytest.raises(SystemExit) as stop:
            _train(tmp_path / 'run', hooks=[_At(4, _terminate)])
        assert stop.value.code == 143
        found = find_resume_checkpoint(tmp_path / 'run')
        assert found == str(tmp_path / 'run' / 'iter_5.pth')
        assert f'after iteration 5. Resume from {found}' in ''.join(capsys.readouterr())
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

        _train(tmp_path / 'run', found)
        torch.testing.assert_close(
            _weights(tmp_path / 'run' / 'iter_12.pth'),
            _weights(work_dir / 'iter_12.pth'),
            rtol=0,
            atol=0,
        )

    def test_waits_for_accumulated_gradients(self, tmp_path):
        with pytest.raises(SystemExit):
            _train(
                tmp_path,
                hooks=[_At(4, _terminate)],
                optim_wrapper=dict(accumulative_counts=4),
                checkpoint=dict(interval=100),
            )
        assert find_resume_checkpoint(tmp_path) == str(tmp_path / 'iter_8.pth')

    def test_epochs_resume_from_their_end(self, tmp_path):
        # 4 iterations an epoch: stopped in the second one
        options = dict(by_epoch=True, length=3, checkpoint=dict(interval=1))
        with pytest.raises(SystemExit):
            _train(tmp_path / 'inside', hooks=[_At(5, _terminate)], **options)
        assert find_resume_checkpoint(tmp_path / 'inside').endswith('epoch_1.pth')
        with pytest.raises(SystemExit):
            _train(tmp_path / 'end', hooks=[_At(7, _terminate)], **options)
        assert find_resume_checkpoint(tmp_path / 'end').endswith('epoch_2.pth')

    @pytest.mark.parametrize('iteration', [2, 3])
    def test_a_validation_that_was_due_is_made_up(self, tmp_path, iteration):
        # the signal comes in iteration 3 or 4, and validation follows both 3 and 4
        options = dict(length=4, val_interval=1, checkpoint=dict(interval=100))
        with pytest.raises(SystemExit):
            _train(tmp_path / 'run', hooks=[_At(iteration, _terminate)], **options)
        _train(tmp_path / 'run', find_resume_checkpoint(tmp_path / 'run'), **options)
        _train(tmp_path / 'undisturbed', **options)
        assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []

    def test_a_replay_is_left_at_once(self, work_dir, tmp_path, capfd):
        loaded = []

        class Loaded(Hook):
            def before_train_epoch(self, runner):
                batches = runner.train_loop.dataloader_iterator
                runner.train_loop.dataloader_iterator = map(self.load, batches)

            def load(self, batch):
                loaded.append(batch)
                if len(loaded) == 3:
                    _terminate()
                return batch

        with pytest.raises(SystemExit) as stop:
            _train(tmp_path, str(work_dir / 'iter_10.pth'), hooks=[Loaded()])
        assert stop.value.code == 143 and len(loaded) == 3
        assert 'SIGTERM received: all of it is saved, stopping.' in capfd.readouterr().err
        assert _checkpoints(tmp_path) == []

    def test_a_validation_behind_a_checkpoint_is_left_at_once(self, tmp_path):
        hook, seen = Hook(), []
        hook.before_val_iter = lambda runner, batch_idx, data_batch: (
            seen.append(batch_idx),
            _terminate(),
        )
        options = dict(length=6, val_interval=4)
        with pytest.raises(SystemExit) as stop:
            _train(tmp_path, hooks=[hook], **options)
        assert stop.value.code == 143 and seen == [0]
        assert find_resume_checkpoint(tmp_path) == str(tmp_path / 'iter_4.pth')

    def test_another_validation_is_finished_and_saved(self, tmp_path):
        hook, seen = Hook(), []
        hook.before_val_iter = lambda runner, batch_idx, data_batch: (
            seen.append(batch_idx),
            seen == [0] and _terminate(),
        )
        options = dict(length=6, val_interval=3)
        with pytest.raises(SystemExit):
            _train(tmp_path / 'run', hooks=[hook], **options)
        assert seen == [0, 1, 2, 3]
        found = find_resume_checkpoint(tmp_path / 'run')
        assert found == str(tmp_path / 'run' / 'iter_3.pth')
        _train(tmp_path / 'run', found, **options)
        _train(tmp_path / 'undisturbed', **options)
        assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []

    def test_dead_data_workers_do_not_keep_it_from_saving(self, tmp_path):
        options = dict(num_workers=1, checkpoint=dict(interval=100))
        with pytest.raises(SystemExit) as stop:
            _train(tmp_path, hooks=[_BetweenIterations()], **options)
        assert stop.value.code == 143
        assert _checkpoints(tmp_path) != []

    def test_dead_data_workers_of_one_process_stop_all(self, tmp_path):
        """The other one would wait for ever, for gradients of a batch that cannot be loaded."""
        args = (str(tmp_path / 'run'), free_port())
        ranks = [multiprocessing.Process(target=_one_of_two, args=(rank, *args)) for rank in (0, 1)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(60)
        assert [process.exitcode for process in ranks] == [143, 143]
        assert 'iter_3.pth' in _checkpoints(tmp_path / 'run')

    def test_dead_workers_of_a_validation_leave_it_to_the_resumed_run(self, tmp_path):
        hook = Hook()
        hook.before_val_iter = lambda runner, batch_idx, data_batch: _terminate_group()
        options = dict(length=6, val_interval=3, checkpoint=dict(interval=4), val_workers=1)
        with pytest.raises(SystemExit) as stop:
            _train(tmp_path / 'run', hooks=[hook], **options)
        assert stop.value.code == 143
        found = find_resume_checkpoint(tmp_path / 'run')
        assert found == str(tmp_path / 'run' / 'iter_3.pth')
        _train(tmp_path / 'run', found, **options)
        _train(tmp_path / 'undisturbed', **options)
        assert differing_entries(str(tmp_path / 'run'), str(tmp_path / 'undisturbed')) == []

    def test_dead_workers_of_an_epoch_leave_it_to_the_resumed_run(self, tmp_path):
        options = dict(by_epoch=True, length=2, num_workers=1, checkpoint=dict(interval=1))
        with pytest.raises(SystemExit) as stop:  # in the second epoch of 4 iterations
            _train(tmp_path / 'run', hooks=[_At(4, _terminate_group)], **options)
        assert stop.value.code == 143
        assert find_resume_checkpoint(tmp_path / 'run').endswith('epoch_1.pth')

    def test_a_worker_that_dies_of_something_else_is_an_error(self, tmp_path):
        def kill_worker():
            for worker in multiprocessing.active_children():
                worker.kill()
                worker.join()

        with pytest.raises(RuntimeError, match='worker'):
            _train(tmp_path, hooks=[_At(2, kill_worker)], num_workers=1)

    def test_a_failed_run_gives_the_signal_back(self, tmp_path):
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]

        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            _train(tmp_path, hooks=[_At(1, fail)])
        after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
        assert after == before

    def test_can_be_switched_off(self, tmp_path):
        received = []
        before = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
        _train(tmp_path, hooks=[_At(1, _terminate)], checkpoint=dict(save_on_sigterm=False))
        signal.signal(signal.SIGTERM, before)
        assert received


class TestOtherRuns:
    def test_a_second_run_in_the_same_work_dir_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr('mmdiffrep.utils.folder_lock._WAIT_FOR_KILLED', 0.1)
        incomplete = tmp_path / '.iter_2.pth.incomplete'

        def start_second():
            incomplete.touch()
            with pytest.raises(RuntimeError, match=rf'Another run is in .*process {os.getpid()} '):
                _train(tmp_path, length=2)
            assert incomplete.exists()

        _train(tmp_path, hooks=[_At(0, start_second)], length=2)
        _train(tmp_path, length=3)  # the first one has ended

    def test_a_failed_run_frees_the_work_dir(self, tmp_path, monkeypatch):
        monkeypatch.setattr('mmdiffrep.utils.folder_lock._WAIT_FOR_KILLED', 0.1)

        def fail():
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            _train(tmp_path, hooks=[_At(1, fail)])
        _train(tmp_path, length=2)


def test_inputs_are_checked_under_other_launchers(tmp_path):
    """mmseg's tools/train.py knows nothing of our backbones; the hook is what runs there too."""
    told = dict(mean=[0.0] * 3, std=[255.0] * 3, channel_order='rgb')
    files = dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])
    runner = SimpleNamespace(
        cfg=Config(
            dict(
                model=dict(
                    backbone=dict(type='mmdiffrep.DPMBackbone', input=told),
                    data_preprocessor=dict(mean=[0.0] * 3, std=[255.0] * 3, to_rgb=False),
                ),
                train_dataloader=dict(dataset=files),
            )
        )
    )
    with pytest.raises(ValueError, match="channel_order='rgb'; .* give channel_order='bgr'"):
        AtomicCheckpointHook().before_run(runner)
