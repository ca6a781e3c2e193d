# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import re
import sys

import pytest


@pytest.fixture
def step_runner(import_tool):
    return import_tool('step_runner')


def script(code):
    return [sys.executable, '-c', code]


def test_shows_what_matches_and_logs_all(step_runner, tmp_path, capsys):
    code = 'print("noise"); print("c++ [3/77] nms.cpp", flush=True)'
    step_runner.run_step(script(code), tmp_path / 'log', re.compile(r'\[\d+/\d+\]'))
    shown = capsys.readouterr().out
    assert shown.split()[-1] == '[3/77]' and 'noise' not in shown
    assert {'noise', 'c++ [3/77] nms.cpp'} <= set((tmp_path / 'log').read_text().splitlines())


def test_failure_holds_the_end_of_the_output_and_the_log(step_runner, tmp_path):
    code = 'import sys; print(*range(100), sep="\\n"); sys.exit("no space left")'
    with pytest.raises(step_runner.StepFailed) as error:
        step_runner.run_step(script(code), tmp_path / 'log', re.compile('$^'))
    message = str(error.value)
    assert 'no space left' in message and str(tmp_path / 'log') in message
    assert '\n99\n' in message and '\n50\n' not in message


def test_environment_is_added_to(step_runner, tmp_path, monkeypatch):
    monkeypatch.setenv('KEPT', 'kept')
    code = 'import os; assert os.environ["KEPT"] + os.environ["NEW"] == "keptnew"'
    step_runner.run_step(script(code), tmp_path / 'log', re.compile('$^'), {'NEW': 'new'})
