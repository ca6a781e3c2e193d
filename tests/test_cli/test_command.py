# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmdiffrep.cli.command import describe_error, hint, run_command
from mmdiffrep.registry import HOOKS, MODELS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_tool(tiny_config, tmp_path):
    """Run tools/train.py on the tiny config; return status, output and error output."""

    def run(*options, **env):
        path = os.pathsep.join([str(ROOT), str(Path(tiny_config).parent)])
        result = subprocess.run(
            [sys.executable, str(ROOT / 'tools' / 'train.py'), tiny_config, *options],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': path, 'CUDA_VISIBLE_DEVICES': '-1', **env},
            capture_output=True,
            text=True,
        )
        return result.returncode, result.stdout, result.stderr

    return run


def test_missing_file_in_a_config_is_one_readable_block(run_tool, tmp_path):
    code, output, errors = run_tool('--cfg-options', 'load_from=no/such.pth')
    assert code == 1
    message, details = errors.strip().splitlines()[-2:]
    assert message == 'FileNotFoundError: There is no checkpoint file no/such.pth.'
    assert '--traceback' in details and 'mmdiffrep/utils/checkpoint_io.py:' in details
    assert 'Traceback' not in output + errors
    (log,) = tmp_path.glob('work_dirs/tiny/*/*.log')
    assert 'Traceback (most recent call last)' in log.read_text()
    # environment, config and hooks are in the log file alone
    assert len((output + errors).splitlines()) < 20
    for part in ('System environment:', 'optim_wrapper = dict(', 'Hooks will be executed'):
        assert part in log.read_text() and part not in output


@pytest.mark.parametrize(
    ('options', 'env'), [(['--traceback'], {}), ([], {'MMDIFFREP_TRACEBACK': '1'})]
)
def test_traceback_on_request(run_tool, options, env):
    code, _, errors = run_tool(*options, '--cfg-options', 'model.type=NoModel', **env)
    assert code == 1
    assert 'Traceback (most recent call last)' in errors
    assert "'NoModel is not in the mmengine::model registry" in errors


def _end(function, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['train'])
    with pytest.raises(SystemExit) as end:
        run_command(function)
    return end.value.code, capsys.readouterr().err


def _raise(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (KeyError('no\nsuch key'), 'KeyError: no\nsuch key'),
        (RuntimeError(), 'RuntimeError: (no message)'),
        (OSError(28, 'full'), 'OSError: [Errno 28] full'),
    ],
)
def test_message_is_that_of_the_error(monkeypatch, capsys, error, message):
    code, errors = _end(_raise(error), monkeypatch, capsys)
    assert code == 1 and errors.strip().startswith(f'{message}\n(at ')


def test_ctrl_c_is_a_line_and_status_130(monkeypatch, capsys):
    code, errors = _end(_raise(KeyboardInterrupt()), monkeypatch, capsys)
    assert (code, errors) == (130, '\nStopped by Ctrl-C.\n')


def test_the_first_process_reports_before_the_others(monkeypatch, capsys):
    slept = []
    monkeypatch.setattr('mmdiffrep.cli.command.time.sleep', slept.append)
    for rank in ('0', '1'):
        monkeypatch.setenv('RANK', rank)
        assert _end(_raise(ValueError('bad')), monkeypatch, capsys)[0] == 1
    assert len(slept) == 1


def test_near_options_and_types_are_offered():
    import mmdiffrep.engine.hooks
    import mmdiffrep.models  # noqa: F401, fill the registries

    message = "RepFusionHook.__init__() got an unexpected keyword argument 'noize'"
    assert hint(message) == '\nDid you mean noise?'
    message = 'DenseFeatureLos is not in the mmseg::model registry. Please check ...'
    assert hint(message).startswith('\nDid you mean mmdiffrep.DenseFeatureLoss')
    assert hint('something else') == hint('list.__init__() got an unexpected ...') == ''


@pytest.mark.parametrize(
    ('registry', 'config', 'old', 'new'),
    [
        (
            HOOKS,
            dict(type='mmdiffrep.RepFusionHook', teacher='x', pairs=[1], normalisation={}),
            'normalisation',
            'normalization',
        ),
        (
            MODELS,
            dict(type='mmdiffrep.HostTeacher', config='x', checkpoint='x', normalisation={}),
            'normalisation',
            'normalization',
        ),
        (
            MODELS,
            dict(type='mmdiffrep.MultiProbeHead', num_classes=2, standardise=True),
            'standardise',
            'standardize',
        ),
    ],
)
def test_an_option_by_its_name_of_0_1_is_one_readable_block(registry, config, old, new):
    with pytest.raises(TypeError) as caught:
        registry.build(config)
    first, hinted, where = describe_error(caught.value).splitlines()
    assert first.startswith('TypeError: ') and first.endswith(
        f"unexpected keyword argument '{old}'"
    )
    assert hinted == f'Did you mean {new}?'
    assert where.startswith('(at mmengine/registry')


def test_what_mmengine_adds_to_an_error_of_a_hook_is_left_out():
    with pytest.raises(TypeError) as caught:
        raise TypeError('lr must be float, got 1 in <mmdiffrep.Hook object at 0x7f6f48fccb10>')
    assert describe_error(caught.value).splitlines()[0] == 'TypeError: lr must be float, got 1'
