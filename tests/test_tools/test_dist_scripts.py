# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmdiffrep.cli import train

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / 'tools'
PROJECT = ROOT / 'tests' / 'test_cli' / 'tiny_project'
CONFIG = PROJECT / 'tiny.py'


@pytest.fixture
def run_script(tmp_path):
    def run(script, *arguments, **env):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            'PYTHONPATH': os.pathsep.join([str(ROOT), str(PROJECT)]),
            'PYTHON': sys.executable,
            'PORT': str(port),
            'CUDA_VISIBLE_DEVICES': '-1',
            **env,
        }
        result = subprocess.run(
            ['bash', str(TOOLS / script), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return result.returncode, result.stdout + result.stderr

    return run


def weight(path):
    return torch.load(path, weights_only=True)['state_dict']['weight']


def test_two_cpu_processes_equal_one_with_the_doubled_batch(run_script, tmp_path, monkeypatch):
    code, output = run_script('dist_train.sh', CONFIG, 2, '--work-dir', 'two')
    assert code == 0, output
    (log,) = tmp_path.glob('two/*/*.log')
    assert 'GPU number: 2' in log.read_text()
    doubled = ('--cfg-options', 'train_dataloader.batch_size=4')
    monkeypatch.syspath_prepend(str(PROJECT))
    train.main([str(CONFIG), '--work-dir', str(tmp_path / 'one'), *doubled])
    two, one = (weight(tmp_path / name / 'iter_4.pth') for name in ('two', 'one'))
    torch.testing.assert_close(two, one, rtol=0, atol=1e-6)


def test_an_error_in_both_processes_is_reported_once(run_script):
    code, output = run_script('dist_train.sh', CONFIG, 2, '--cfg-options', 'load_from=no.pth')
    assert code != 0
    assert output.count('There is no checkpoint file no.pth.') == 1


def test_dist_test_gathers_the_metric_of_all_processes(run_script, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'weight': torch.tensor([2.0])}}, path)
    code, output = run_script('dist_test.sh', CONFIG, path, 2)
    assert code == 0, output
    assert 'error: 0.7500' in output


def test_slurm_train_asks_srun_for_the_devices(run_script, tmp_path):
    srun = tmp_path / 'bin' / 'srun'
    srun.parent.mkdir()
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(0o755)
    path = f'{srun.parent}{os.pathsep}{os.environ["PATH"]}'
    arguments = ('part', 'job', CONFIG, 'work', '--resume')
    code, output = run_script('slurm_train.sh', *arguments, PATH=path, GPUS='16')
    assert code == 0, output
    for option in ('-p part', '--ntasks=16', '--gres=gpu:8', '--ntasks-per-node=8'):
        assert option in output
    assert output.strip().endswith(f'{CONFIG} --work-dir work --launcher slurm --resume')
    _, output = run_script('slurm_train.sh', *arguments, PATH=path, GPUS='2', GPUS_PER_NODE='0')
    assert '--ntasks=2' in output and 'gres' not in output


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_too_few_arguments_show_the_usage(run_script, script):
    code, output = run_script(script, 'only_one')
    assert code == 2 and f'tools/{script} ' in output
