# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import find_latest_checkpoint

from mmdiffrep.engine.hooks import AtomicCheckpointHook
from mmdiffrep.testing.tiny_run import build_tiny_runner
from mmdiffrep.utils.atomic_file import AtomicLocalBackend
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint


class TestFiles:
    def test_names_are_those_of_mmengine(self, checkpoints, undisturbed):
        assert [name for name in checkpoints(undisturbed) if not name.startswith('best_')] == [
            'iter_10.pth',
            'iter_12.pth',
        ]
        assert len([name for name in checkpoints(undisturbed) if name.startswith('best_acc_')]) == 1
        assert find_latest_checkpoint(undisturbed) == str(undisturbed / 'iter_12.pth')

    def test_leftovers_of_a_killed_save_are_removed(self, undisturbed):
        assert [path.name for path in undisturbed.glob('.*')] == ['.lock']

    def test_load_without_running_code(self, checkpoints, undisturbed):
        for name in checkpoints(undisturbed):
            checkpoint = torch.load(undisturbed / name, weights_only=True)
            assert checkpoint['meta']['dataset_meta']['classes'] == ('a', 'b', 'c')
            assert checkpoint['meta']['dataset_meta']['sigmas'] == pytest.approx([0.1, 0.2, 0.3])
        assert isinstance(checkpoint['message_hub']['runtime_info']['best_score'], float)

    def test_stock_mmengine_resumes_from_them(self, train, undisturbed, tmp_path):
        stock = dict(type=CheckpointHook)
        path = str(undisturbed / 'iter_10.pth')
        runner = train(tmp_path, path, checkpoint=stock)
        assert runner.iter == 12
        # the log is not carried over, which only smooths its first lines
        assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 2

    def test_what_a_checkpoint_knows_does_not_show_in_the_log(self, train, tmp_path):
        runner = train(tmp_path, length=2, val_interval=2)
        assert runner.message_hub.get_info('awaits_validation') is False
        (log,) = tmp_path.glob('*/vis_data/scalars.json')
        last = json.loads(log.read_text().splitlines()[-1])
        assert last.keys() == {'acc', 'confidence', 'data_time', 'time', 'step'}

    def test_log_and_best_score_are_resumed(self, undisturbed, tmp_path, capsys):
        runner = build_tiny_runner(str(tmp_path), load_from=str(undisturbed / 'iter_10.pth'))
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
    def test_max_keep_ckpts_and_interval(self, train, checkpoints, tmp_path, by_epoch):
        train(
            tmp_path,
            by_epoch=by_epoch,
            length=5,
            checkpoint=dict(interval=1, max_keep_ckpts=3, save_best=None),
        )
        unit = 'epoch' if by_epoch else 'iter'
        assert checkpoints(tmp_path) == [f'{unit}_{number}.pth' for number in (3, 4, 5)]

    @pytest.mark.parametrize('save_best', ['acc', 'auto', ['acc', 'half']])
    def test_save_best(self, train, checkpoints, tmp_path, save_best):
        scores = iter([0.2, 0.5, 0.4])

        def evaluate(runner, metrics):
            metrics['acc'] = next(scores)
            metrics['half'] = metrics['acc'] if metrics['acc'] < 0.5 else 0.1

        hook = Hook()
        hook.after_val_epoch = evaluate
        runner = train(
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
        assert checkpoints(tmp_path) == best

    def test_unknown_metric_of_save_best_lists_those_there_are(self, train, checkpoints, tmp_path):
        options = dict(length=4, val_interval=4)
        with pytest.raises(ValueError, match=r"save_best='ac', but the validation gave acc, conf"):
            train(tmp_path, checkpoint=dict(save_best='ac', rule='greater'), **options)
        # the run is not lost: with the right name the validation is made up
        train(tmp_path, find_resume_checkpoint(tmp_path), **options)
        assert 'best_acc_iter_4.pth' in checkpoints(tmp_path)

    @pytest.mark.parametrize('copied', [False, True])
    def test_a_moved_or_copied_work_dir_keeps_its_own_files(
        self, train, checkpoints, tmp_path, copied
    ):
        scores = iter([0.1, 0.2])
        hook = Hook()
        hook.after_val_epoch = lambda runner, metrics: metrics.update(acc=next(scores))
        options = dict(val_interval=2, checkpoint=dict(max_keep_ckpts=1), hooks=[hook])
        train(tmp_path / 'old', length=2, **options)
        (shutil.copytree if copied else shutil.move)(tmp_path / 'old', tmp_path / 'new')
        train(tmp_path / 'new', find_resume_checkpoint(tmp_path / 'new'), length=4, **options)
        assert checkpoints(tmp_path / 'new') == ['best_acc_iter_4.pth', 'iter_4.pth']
        if copied:
            assert checkpoints(tmp_path / 'old') == ['best_acc_iter_2.pth', 'iter_2.pth']

    def test_published_keys(self, train, checkpoints, tmp_path):
        options = dict(published_keys=['meta', 'state_dict'])
        train(tmp_path, length=4, val_interval=4, checkpoint=options)
        published = [name for name in checkpoints(tmp_path) if '-' in name]
        assert {name.split('-')[0] for name in published} == {'iter_4', 'best_acc_iter_4'}
        for name in published:
            assert set(torch.load(tmp_path / name, weights_only=True)) == {'meta', 'state_dict'}

    def test_out_dir(self, train, checkpoints, tmp_path):
        train(tmp_path / 'run', length=2, checkpoint=dict(out_dir=str(tmp_path / 'elsewhere')))
        assert checkpoints(tmp_path / 'run') == []
        found = find_resume_checkpoint(tmp_path / 'run')
        assert found == str(tmp_path / 'elsewhere' / 'run' / 'iter_2.pth')

    def test_save_optimizer_and_scheduler(self, train, tmp_path):
        options = dict(save_optimizer=False, save_param_scheduler=False, filename_tmpl='at_{}.pth')
        train(tmp_path, length=2, checkpoint=options)
        checkpoint = torch.load(tmp_path / 'at_2.pth', weights_only=True)
        assert not {'optimizer', 'param_schedulers'} & set(checkpoint)

    def test_other_storage_is_left_alone(self, train, tmp_path):
        runner = train(tmp_path, length=2, checkpoint=dict(backend_args=dict(backend='local')))
        hook = next(hook for hook in runner.hooks if isinstance(hook, AtomicCheckpointHook))
        assert not isinstance(hook.file_backend, AtomicLocalBackend)

    def test_unknown_option_is_an_error(self):
        with pytest.raises(TypeError, match=r"no option 'max_keep'.*max_keep_ckpts"):
            AtomicCheckpointHook(max_keep=3)


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
