# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import os
import pickle
import shutil

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS

from mmdiffrep.cli import test as test_command


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'weight': torch.tensor([2.0])}}, path)
    return path


@pytest.fixture
def error_after(tiny_config, tmp_path):
    """The metric that a test run writes."""

    def run(*options):
        test_command.main([tiny_config, *map(str, options)])
        (metrics,) = (tmp_path / 'work_dirs' / 'tiny').glob('*/*.json')
        return json.loads(metrics.read_text())['error']

    return run


def test_writes_the_metric_and_the_predictions(error_after, checkpoint, tmp_path):
    # |2 x - 3 x| over x = 0, 0.1, ... 1.5
    assert error_after(checkpoint, '--out', 'predictions.pkl') == pytest.approx(0.75)
    assert len(pickle.loads((tmp_path / 'predictions.pkl').read_bytes())) == 16


@pytest.mark.parametrize('given', ['run', 'run/', 'run/last_checkpoint'])
def test_a_work_dir_stands_for_its_newest_checkpoint(error_after, checkpoint, tmp_path, given):
    (tmp_path / 'run').mkdir()
    checkpoint.rename(tmp_path / 'run' / 'iter_7.pth')
    (tmp_path / 'run' / 'last_checkpoint').write_text('run/iter_7.pth')
    assert error_after(given) == pytest.approx(0.75)


def test_a_work_dir_without_checkpoints_is_named(error_after, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no complete checkpoint in empty'):
        error_after('empty')


def test_missing_checkpoint_is_named(error_after):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth'):
        error_after('nowhere.pth')


def test_pickle_with_code_is_refused_unless_trusted(error_after, tmp_path):
    path = tmp_path / 'foreign.pth'
    # A function inside, as in checkpoints of old training scripts.
    torch.save({'state_dict': {'weight': torch.tensor([2.0])}, 'meta': {'init': sum}}, path)
    with pytest.raises(pickle.UnpicklingError, match='--trust-checkpoint'):
        error_after(path)
    shutil.rmtree(tmp_path / 'work_dirs')
    assert error_after(path, '--trust-checkpoint') == pytest.approx(0.75)


def test_out_must_be_a_pickle(capsys, tiny_config):
    with pytest.raises(SystemExit):
        test_command.main([tiny_config, 'x.pth', '--out', 'x.json'])
    assert '.pkl' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('scope', 'switch'),
    [('mmseg', 'draw'), ('mmpose', 'enable'), ('mmpretrain', 'enable'), ('mmdet', 'draw')],
)
def test_show_dir_switches_drawing_on(scope, switch):
    cfg = Config(
        dict(
            default_scope=scope,
            default_hooks=dict(visualization=dict(type='Hook')),
            visualizer=dict(type='Visualizer'),
        )
    )
    test_command._draw_predictions(cfg, 'drawn')
    hook = cfg.default_hooks.visualization
    assert hook[switch] is True
    assert hook.type == 'Hook' and 'interval' not in hook
    assert os.path.abspath('drawn') in (hook.get('out_dir'), cfg.visualizer.get('save_dir'))


@pytest.mark.parametrize('scope', test_command.DRAWING_HOOKS)
def test_show_dir_adds_a_hook_that_draws_every_image(scope):
    pytest.importorskip(scope)
    cfg = Config(dict(default_scope=scope, visualizer=dict(type='Visualizer')))
    test_command._draw_predictions(cfg, 'drawn')
    hook = cfg.default_hooks.visualization
    assert hook.interval == 1
    with HOOKS.switch_scope_and_registry(scope) as registry:
        assert registry.get(hook.type).__module__.startswith(f'{scope}.engine.hooks')


def test_show_dir_of_another_scope_is_an_error():
    with pytest.raises(ValueError, match='default_scope must be one of .mmseg'):
        test_command._draw_predictions(Config(dict(default_scope='mmengine')), 'drawn')


def test_show_dir_needs_image_files():
    dataset = dict(type='mmdiffrep.ToyFacesDataset')
    cfg = Config(dict(default_scope='mmseg', test_dataloader=dict(dataset=dataset)))
    with pytest.raises(ValueError, match='drawn faces have none'):
        test_command._draw_predictions(cfg, 'drawn')
