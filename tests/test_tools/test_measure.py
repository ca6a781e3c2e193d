# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Time and memory of the benchmarks."""

from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'
MIB = 2**20


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('measure')


def test_peak_counts_what_is_freed_again(tool):
    """256 MiB: so large a block is never taken from what the process has freed before."""

    def call():
        torch.ones(256 * MIB, dtype=torch.uint8)

    assert 240 * MIB < tool.peak_bytes(call, 'cpu') < 300 * MIB


def test_first_round_is_not_counted(tool):
    calls = []
    seconds = tool.time_in_turns({'a': lambda: calls.append('a')}, 2, 'cpu')
    assert len(calls) == 3 and len(seconds['a']) == 2
