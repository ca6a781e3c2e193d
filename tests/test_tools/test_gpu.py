# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of GPUs, rehearsed on a CPU, and what it says where there is no GPU."""

from functools import wraps
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture
def tool(import_tool, monkeypatch):
    @wraps(torch.compile)
    def uncompiled(function, **options):
        return function

    monkeypatch.setattr(torch, 'compile', uncompiled)  # which needs a compiler and minutes
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('gpu')


def test_rehearsal_gives_a_table_of_all_parts(tool, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    out = tmp_path / 'folder' / 'gpu.txt'
    tool.main(['--rehearse', '--out', str(out)])
    table = out.read_text()
    assert 'failed' not in table and 'Error' not in table and 'nan' not in table
    for part in tool.PARTS:
        assert f' {part.__name__} ' in table
    assert 'ms a step' in table and 'images/s' in table and torch.__version__ in table
    assert 'tiny, float32' in table and 'relative error 0.0e+00' in table
    assert '1 of 1' in table
    assert f'written to {out}' in capsys.readouterr().out


def test_a_part_that_fails_does_not_end_the_run(tool, monkeypatch):
    def broken(settings):
        yield 'before', '1 ms'
        raise RuntimeError('out of memory')

    broken.__name__ = 'teacher'
    monkeypatch.setattr(tool, 'PARTS', (broken,))
    rows = tool.measure(tool.rehearsal('cpu'), ['teacher'])
    assert rows[0] == ('teacher', 'before', '1 ms')
    assert rows[1] == ('teacher', 'failed', 'RuntimeError: out of memory')


def test_without_a_gpu_it_says_so(tool, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit) as stop:
        tool.main([])
    assert stop.value.code == 1
    assert 'No GPU: torch.cuda.is_available() is False' in capsys.readouterr().err
