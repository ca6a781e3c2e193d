# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import shutil
import signal

import pytest
import torch


@pytest.fixture
def tool(import_tool):
    return import_tool('benchmarks.kill_and_resume')


def _prove(tool, tmp_path, moments):
    """Statuses of the killed runs; each must resume to the end of the undisturbed one."""
    tool.run_to_end(tool.launch_tiny, str(tmp_path / 'undisturbed'))
    statuses = []
    for index, moment in enumerate(moments):
        work_dir = str(tmp_path / str(index))
        statuses.append(tool.end_at(moment, tool.launch_tiny, work_dir))
        tool.run_to_end(tool.launch_tiny, work_dir)
        assert tool.differing_entries(work_dir, str(tmp_path / 'undisturbed')) == []
    return statuses


def test_killed_runs_end_with_the_same_weights(tool, tmp_path):
    moments = [
        tool.Moment(operation=12),  # the second half of the second checkpoint
        tool.Moment(saves=3, fraction=0.5),
        tool.Moment(saves=3, sent=signal.SIGTERM),
    ]
    assert _prove(tool, tmp_path, moments) == [-9, -9, 143]


@pytest.mark.slow
def test_twenty_kills(tool, tmp_path, capsys):
    operations = tool.count_operations(str(tmp_path / 'counted'))
    assert tool.prove(tool.launch_tiny, 20, operations, str(tmp_path / 'runs')) == 0
    assert '20 of 20 killed and resumed runs equal' in capsys.readouterr().out


def test_a_different_end_is_noticed(tool, tmp_path):
    tool.run_to_end(tool.launch_tiny, str(tmp_path / 'a'))
    with pytest.raises(RuntimeError, match='ended with status 1'):
        tool.run_to_end(tool.partial(tool.launch_tiny, width='x'), str(tmp_path / 'failing'))
    path = tmp_path / 'a' / 'iter_12.pth'
    checkpoint = torch.load(path, weights_only=True)
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    checkpoint['optimizer']['state'][0]['momentum_buffer'][0, 0] += 1e-6
    checkpoint['message_hub']['runtime_info']['best_score'] += 0.1
    torch.save(checkpoint, tmp_path / 'b' / 'iter_12.pth')
    (best,) = (tmp_path / 'b').glob('best_*.pth')
    best.rename(best.with_name('best_acc_iter_1.pth'))
    differing = tool.differing_entries(str(tmp_path / 'b'), str(tmp_path / 'a'))
    assert differing == ['best checkpoints', 'best_score', 'optimizer']


def test_commands_are_run_and_killed(tool, tmp_path):
    script = (
        'import pathlib, time; pathlib.Path("{work_dir}/last_checkpoint").touch(); time.sleep(60)'
    )
    launch = tool.partial(tool.launch_command, ['python3', '-c', script])
    assert tool.end_at(tool.Moment(saves=1), launch, str(tmp_path)) == -9
