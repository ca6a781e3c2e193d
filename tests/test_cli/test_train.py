# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdiffrep.cli import train

ROOT = Path(__file__).resolve().parents[2]
TRAIN = 'mmdiffrep.cli.train'


class RunnerStub:
    """Where only the config matters that the runner would be built from."""

    def train(self):
        pass


@pytest.fixture
def config_after(monkeypatch, tiny_config):
    """The config with which the runner is built for a command line."""

    def parse(*options, device='cpu'):
        built = []
        with monkeypatch.context() as patch:
            patch.setattr(f'{TRAIN}.get_device', lambda: device)
            patch.setattr(f'{TRAIN}.build_runner', lambda cfg: built.append(cfg) or RunnerStub())
            train.main([tiny_config, *map(str, options)])
        return built[0]

    return parse


def test_trains_validates_and_saves(tiny_config, tmp_path, weight_of):
    train.main([tiny_config])
    work_dir = tmp_path / 'work_dirs' / 'tiny'
    assert weight_of(work_dir / 'iter_4.pth') > 0
    assert (work_dir / 'tiny.py').is_file()
    (scalars,) = work_dir.glob('*/vis_data/scalars.json')
    last = json.loads(scalars.read_text().splitlines()[-1])
    assert last['error'] < 2.25  # that of the untrained model, 3 * mean(x)


def test_resume_continues_to_the_same_weights(tiny_config, tmp_path, weight_of):
    train.main([tiny_config, '--work-dir', 'whole'])
    train.main([tiny_config, '--work-dir', 'halves', '--cfg-options', 'train_cfg.max_iters=2'])
    assert not (tmp_path / 'halves' / 'iter_4.pth').exists()
    train.main([tiny_config, '--work-dir', 'halves', '--resume'])
    log = ''.join(path.read_text() for path in (tmp_path / 'halves').glob('*/*.log'))
    assert 'resumed epoch: 0, iter: 2' in log
    whole, halves = (weight_of(tmp_path / name / 'iter_4.pth') for name in ('whole', 'halves'))
    assert whole == halves


def test_module_runs_where_no_host_is_installed(tiny_config, tmp_path):
    """A config that asks for no host library must not need one."""
    script = tmp_path / 'without_hosts.py'
    script.write_text(
        'import runpy, sys\n'
        "for host in ('mmseg', 'mmpose', 'mmpretrain', 'mmdet', 'mmcv'):\n"
        '    sys.modules[host] = None\n'
        "runpy.run_module('mmdiffrep', run_name='__main__')\n"
    )
    path = os.pathsep.join([str(ROOT), str(Path(tiny_config).parent)])
    result = subprocess.run(
        [sys.executable, script, 'train', tiny_config],
        env={**os.environ, 'PYTHONPATH': path, 'CUDA_VISIBLE_DEVICES': '-1'},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / 'work_dirs' / 'tiny' / 'iter_4.pth').is_file()


def test_options_reach_the_config(config_after):
    cfg = config_after('--work-dir', 'here', '--cfg-options', 'model.a=1', 'loader.batch_size=7')
    assert (cfg.work_dir, cfg.model.a, cfg.loader.batch_size) == ('here', 1, 7)
    assert cfg.launcher == 'none' and 'model_wrapper_cfg' not in cfg


def test_none_switches_a_hook_off(config_after):
    cfg = config_after('--cfg-options', 'default_hooks.ema=None')
    assert 'ema' not in cfg.default_hooks


def test_work_dir_of_the_config_comes_before_the_default(config_after):
    assert config_after('--cfg-options', 'work_dir=mine').work_dir == 'mine'
    assert config_after().work_dir.endswith('tiny')


def test_resume_with_nothing_there_starts_anew_and_keeps_load_from(config_after, tmp_path, capsys):
    options = ('--resume', '--cfg-options', 'load_from=start.pth')
    cfg = config_after('--work-dir', tmp_path, *options)
    assert cfg.load_from == 'start.pth' and cfg.resume is False
    assert 'from the start' in capsys.readouterr().out


def test_resume_takes_a_given_checkpoint(config_after, tmp_path):
    cfg = config_after('--work-dir', tmp_path, '--resume', 'some.pth')
    assert (cfg.load_from, cfg.resume) == ('some.pth', True)


def test_resume_takes_the_pointer_of_another_run(tiny_config, config_after, tmp_path):
    train.main([tiny_config, '--work-dir', 'other'])
    for given in ('other', 'other/last_checkpoint'):
        cfg = config_after('--work-dir', tmp_path / 'run', '--resume', given)
        assert (Path(cfg.load_from).resolve(), cfg.resume) == (
            tmp_path / 'other' / 'iter_4.pth',
            True,
        )


def test_resume_takes_the_newest_complete_checkpoint(tiny_config, config_after, tmp_path):
    train.main([tiny_config, '--work-dir', 'run'])
    newest = tmp_path / 'run' / 'iter_4.pth'
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match='iter_4.pth'):
        cfg = config_after('--work-dir', tmp_path / 'run', '--resume')
    assert cfg.load_from == str(tmp_path / 'run' / 'iter_2.pth')


def test_amp_turns_the_optimizer_wrapper_into_amp(config_after):
    cfg = config_after('--amp', device='cuda')
    assert (cfg.optim_wrapper.type, cfg.optim_wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')


def test_amp_on_a_cpu_says_so(config_after):
    with pytest.raises(ValueError, match='needs an accelerator'):
        config_after('--amp')


def test_amp_refuses_another_wrapper(config_after):
    with pytest.raises(ValueError, match="'OtherWrapper'"):
        config_after('--amp', '--cfg-options', 'optim_wrapper.type=OtherWrapper', device='cuda')


def test_auto_scale_lr(config_after):
    assert config_after('--auto-scale-lr').auto_scale_lr.enable is True
    with pytest.raises(ValueError, match='base_batch_size'):
        config_after('--auto-scale-lr', '--cfg-options', 'auto_scale_lr._delete_=True')
